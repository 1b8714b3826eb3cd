import assert from "node:assert/strict";
import { test } from "node:test";
import { isExpired, StatusError } from "../../api/status-error.ts";
import { silentLogger } from "../../base/logger.ts";
import { seededRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { memoryStore } from "../../store/memory.ts";
import { decodeContinue } from "./continue-token.ts";
import { names, pods, remoteStore } from "./pods.fixture.ts";
import { watchCaches } from "./watch-caches.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test("reads show what was written, in the store's version", async () => {
  const { cache, create, update, remove } = pods();
  assert.equal(await cache.get(cache.key("a", "default")), undefined);
  const a = await create("a");
  assert.equal(a.object.metadata?.resourceVersion, String(a.revision));
  const again = await update("a", "default", { labels: { x: "1" } });
  const read = await cache.get(cache.key("a", "default"));
  assert.equal(read, again);
  assert.deepEqual([read?.namespace, read?.name, read?.createRevision], ["default", "a", a.revision]);
  assert.deepEqual(read?.object.metadata?.labels, { x: "1" });
  await remove("a");
  assert.equal(await cache.get(cache.key("a", "default")), undefined);
});

test("nothing is read from the store before the first use, and one resource is not mixed with another", async () => {
  const store = memoryStore();
  await store.compareAndSwap("/registry/pods/default/a", 0, bytes({ metadata: { name: "a" } }));
  await store.compareAndSwap("/registry/podsx/default/b", 0, bytes({ metadata: { name: "b" } }));
  const listed: string[] = [];
  const spied = {
    ...store,
    list(prefix: string) {
      listed.push(prefix);
      return store.list(prefix);
    },
  };
  const caches = watchCaches({ store: spied, clock: virtualClock(), logger: silentLogger });
  const cache = caches.open({ prefix: "/registry/pods/", resource: "pods" });
  assert.equal(caches.open({ prefix: "/registry/pods/", resource: "pods" }), cache);
  assert.equal(cache.size, 0);
  await cache.compareAndSwap(cache.key("c", "default"), 0, bytes({ metadata: { name: "c" } }));
  assert.deepEqual(listed, []);
  const [one, other] = await Promise.all([cache.list(), cache.list()]);
  assert.deepEqual(
    [names(one), names(other)],
    [
      ["a", "c"],
      ["a", "c"],
    ],
  );
  assert.deepEqual(listed, ["/registry/pods/"]);
  await store.compareAndSwap("/registry/podsx/default/d", 0, bytes({}));
  assert.equal(cache.size, 2);
});

test("a read waits for what was acknowledged before it, by whomever", async () => {
  const { store, direct, release } = remoteStore();
  const { cache, clock } = pods({ store });
  await cache.list();
  const key = cache.key("a", "default");
  const written = await direct.compareAndSwap(
    key,
    0,
    bytes({ metadata: { name: "a", namespace: "default" }, spec: {} }),
  );
  assert.equal(await cache.get(key, 0), undefined); // whatever is there
  const reading = cache.get(key);
  const listing = cache.list();
  let done = false;
  void reading.then(() => (done = true));
  await clock.advance(1000);
  assert.equal(done, false);
  release();
  assert.equal((await reading)?.revision, written.revision);
  const list = await listing;
  assert.deepEqual([names(list), list.resourceVersion], [["a"], written.revision]);
});

test("a version that is not reached within three seconds is too large", async () => {
  const { cache, clock, create } = pods();
  const { revision } = await create("a");
  const reading = cache.list({ resourceVersion: revision + 5 });
  const failed = assert.rejects(reading, (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.message, `Timeout: Too large resource version: ${revision + 5}, current: ${revision}`);
    assert.deepEqual([error.code, error.reason], [504, "Timeout"]);
    assert.deepEqual(error.status.details?.causes?.[0]?.reason, "ResourceVersionTooLarge");
    assert.equal(error.status.details?.retryAfterSeconds, 1);
    return true;
  });
  await clock.advance(3000);
  await failed;

  const waiting = cache.get(cache.key("b", "default"), revision + 1);
  await create("b");
  assert.equal((await waiting)?.name, "b");
});

test("lists select by namespace, name, attributes and indexed fields", async () => {
  const { cache, create, update, remove } = pods();
  for (const [name, namespace, node] of [
    ["a", "one", "n1"],
    ["b", "one", "n2"],
    ["a", "two", "n1"],
    ["c", "two", "n1"],
    ["d", "onetwo", "n3"],
  ] as const) {
    await create(name, namespace, { node, labels: { app: name } });
  }
  const keys = async (options: Parameters<typeof cache.list>[0]) =>
    (await cache.list(options)).items.map(({ namespace, name }) => `${namespace}/${name}`);
  const onNode = (node: string) => ({
    matches: ({ fields }: { fields: Readonly<Record<string, string>> }) => fields["spec.nodeName"] === node,
    exact: { "spec.nodeName": node },
  });
  assert.deepEqual(await keys({}), ["one/a", "one/b", "onetwo/d", "two/a", "two/c"]);
  assert.deepEqual(await keys({ namespace: "one" }), ["one/a", "one/b"]);
  assert.deepEqual(await keys({ namespace: "none" }), []);
  assert.deepEqual(await keys({ name: "a" }), ["one/a", "two/a"]);
  assert.deepEqual(await keys({ namespace: "two", name: "a" }), ["two/a"]);
  assert.deepEqual(await keys({ matches: ({ labels }) => labels.app === "a" }), ["one/a", "two/a"]);
  assert.deepEqual(await keys(onNode("n1")), ["one/a", "two/a", "two/c"]);
  assert.deepEqual(await keys({ ...onNode("n1"), namespace: "two" }), ["two/a", "two/c"]);
  await update("a", "one", { node: "n2" });
  await remove("c", "two");
  await create("z", "zoo", { node: "n1" });
  assert.deepEqual(await keys(onNode("n1")), ["two/a", "zoo/z"]);
  assert.deepEqual(await keys(onNode("n2")), ["one/a", "one/b"]);
  assert.deepEqual(await keys(onNode("n9")), []);
  const page = await cache.list({ ...onNode("n1"), limit: 1 });
  assert.deepEqual([names(page), page.remainingItemCount], [["a"], undefined]);
  assert.deepEqual(await keys({ ...onNode("n1"), limit: 1, continue: page.continue! }), ["zoo/z"]);
  assert.equal(await cache.count(), 5);
  assert.equal(await cache.count("one"), 2);
});

test("an index touches only what it finds", async () => {
  const { cache, create, decoded } = pods({ memoBytes: 1 });
  for (let i = 0; i < 50; i++) await create(`p${i}`, "default", { node: `n${i % 10}` });
  const exact = { "spec.nodeName": "n3" };
  const matches = ({ fields }: { fields: Readonly<Record<string, string>> }) => fields["spec.nodeName"] === "n3";
  await cache.list({ exact, matches });
  const before = decoded();
  assert.equal((await cache.list({ exact, matches })).items.length, 5);
  assert.equal(decoded(), before);
});

test("pages show one version, whatever is written between them", async () => {
  const { cache, create, update, remove } = pods();
  for (const name of ["a", "b", "c", "d", "e"]) await create(name);
  const first = await cache.list({ limit: 2 });
  assert.deepEqual([names(first), first.remainingItemCount], [["a", "b"], 3]);
  assert.deepEqual(decodeContinue(first.continue!), { revision: first.resourceVersion, start: "default/c" });
  await remove("c");
  await create("cc");
  const changed = await update("d", "default", { labels: { new: "yes" } });
  await remove("e");
  const second = await cache.list({ limit: 2, continue: first.continue! });
  assert.deepEqual([names(second), second.remainingItemCount], [["c", "d"], 1]);
  assert.equal(second.resourceVersion, first.resourceVersion);
  assert.equal(second.items[1]?.object.metadata?.labels, undefined);
  const third = await cache.list({ limit: 2, continue: second.continue! });
  assert.deepEqual([names(third), third.continue], [["e"], undefined]);
  assert.deepEqual(names(await cache.list({ limit: 3 })), ["a", "b", "cc"]);
  assert.deepEqual((await cache.get(cache.key("d", "default")))?.revision, changed.revision);
  const namespaced = await cache.list({ namespace: "default", limit: 1 });
  assert.equal(decodeContinue(namespaced.continue!).start, "b");
  assert.deepEqual(names(await cache.list({ namespace: "default", continue: namespaced.continue! })), ["b", "cc", "d"]);
  assert.equal((await cache.list({ limit: 3, resourceVersion: 0 })).items.length, 4); // as upstream, not cut
});

test("any version of the recent past can be listed exactly, from the cache or from the store", async () => {
  const random = seededRandom(23);
  for (const maxChanges of [10_000, 20]) {
    const { cache, create, update, remove } = pods({ history: { maxChanges } });
    await create("first");
    await cache.list();
    const alive = new Set(["first"]);
    const snapshots: { revision: number; names: string[] }[] = [];
    for (let step = 0; step < 120; step++) {
      const name = `p${Math.floor(random.next() * 15)}`;
      const roll = random.next();
      let revision: number;
      if (!alive.has(name)) {
        ({ revision } = await create(name));
        alive.add(name);
      } else if (roll < 0.5) ({ revision } = await update(name));
      else {
        revision = await remove(name);
        alive.delete(name);
      }
      snapshots.push({ revision, names: [...alive].sort() });
    }
    for (const snapshot of snapshots.filter((_, i) => i % 5 === 0)) {
      const options = { resourceVersion: snapshot.revision, exactVersion: true };
      const list = await cache.list(options);
      assert.deepEqual([names(list), list.resourceVersion], [snapshot.names, snapshot.revision]);
      const selected = await cache.list({ ...options, matches: ({ fields }) => fields["metadata.name"]! > "p2" });
      assert.deepEqual(
        names(selected),
        snapshot.names.filter((name) => name > "p2"),
      );
      const paged: string[] = [];
      let page = await cache.list({ ...options, limit: 4 });
      for (;;) {
        paged.push(...names(page));
        if (!page.continue) break;
        assert.equal(page.remainingItemCount, snapshot.names.length - paged.length);
        page = await cache.list({ limit: 4, continue: page.continue });
      }
      assert.deepEqual(paged, snapshot.names);
    }
  }
});

for (const history of [{ maxChanges: 1 }, {}]) {
  test(`what was compacted is gone, with a history of ${history.maxChanges ?? "all"}; a later page says how to go on`, async () => {
    const { cache, store, create, update } = pods({ history });
    for (const name of ["a", "b", "c"]) await create(name);
    const page = await cache.list({ limit: 1 });
    await update("a");
    const { revision } = await update("b");
    await store.compact(revision);
    await assert.rejects(cache.list({ resourceVersion: page.resourceVersion, exactVersion: true }), (error) => {
      assert.ok(isExpired(error));
      assert.equal(error.message, "The resourceVersion for the provided list is too old.");
      return error.code === 410;
    });
    let token = "";
    await assert.rejects(cache.list({ limit: 1, continue: page.continue! }), (error) => {
      assert.ok(isExpired(error) && error.message.startsWith("The provided continue parameter is too old to display"));
      token = error.status.metadata?.continue ?? "";
      return error.code === 410;
    });
    const rest = await cache.list({ continue: token });
    assert.deepEqual([names(rest), rest.resourceVersion], [["b", "c"], revision]);
  });
}

test("continue tokens that make no sense are refused", async () => {
  const { cache } = pods();
  const token = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const bad of [
    "%%%",
    token(null),
    token({ v: "v1", rv: 5, start: "a" }),
    token({ v: "meta.k8s.io/v1", rv: 0, start: "a" }),
    token({ v: "meta.k8s.io/v1", rv: 5, start: "" }),
    token({ v: "meta.k8s.io/v1", rv: 5, start: "../../secrets/default/a" }),
  ]) {
    await assert.rejects(
      cache.list({ continue: bad }),
      (error) => error instanceof StatusError && error.code === 400 && /continue key is not valid/.test(error.message),
    );
  }
  await assert.rejects(cache.list({ continue: "x", resourceVersion: 5 }), /resource version is not allowed/);
});

test("an object is decoded once while it is remembered, and not at all where the writer gave it", async () => {
  const { cache, create, decoded } = pods();
  await create("a");
  await create("b", "default", { given: true, labels: { app: "b" } });
  await cache.list();
  assert.equal(decoded(), 0);
  const [a, b] = (await cache.list()).items;
  assert.equal(a!.object, a!.object);
  assert.equal(decoded(), 1);
  assert.deepEqual(b!.object.metadata?.labels, { app: "b" });
  const c = await create("c", "default", { given: true });
  assert.equal(c.object.metadata?.resourceVersion, String(c.revision));
  assert.deepEqual([decoded(), await cache.get(c.key)], [2, c]); // b was loaded from the store
  assert.throws(() => {
    c.object.metadata!.name = "changed";
  }, TypeError);

  let encodings = 0;
  const encode = () => bytes(++encodings);
  assert.equal(c.encoded("json", encode), c.encoded("json", encode));
  c.encoded("yaml", encode);
  assert.equal(encodings, 2);
});

test("memory for decoded objects is bounded", async () => {
  const { cache, create, decoded } = pods({ memoBytes: 2000 });
  for (let i = 0; i < 40; i++) await create(`p${i}`);
  for (let round = 0; round < 2; round++) for (const { object } of (await cache.list()).items) assert.ok(object);
  assert.equal(decoded(), 80);
  const last = (await cache.list()).items.at(-1)!;
  assert.equal(last.object, last.object);
  assert.equal(decoded(), 80);
});

test("a damaged object spoils only what needs it", async () => {
  const { cache, store, create } = pods();
  await create("a");
  await store.compareAndSwap(cache.key("b", "default"), 0, new TextEncoder().encode("{"));
  await create("c");
  const list = await cache.list();
  assert.deepEqual(names(list), ["a", "b", "c"]);
  assert.throws(() => list.items[1]!.object, SyntaxError);
  await assert.rejects(cache.list({ matches: () => true }), SyntaxError);
  const onNode = await cache.list({ exact: { "spec.nodeName": "" }, matches: () => true });
  assert.deepEqual(names(onNode), ["a", "c"]);
});

test("a compare-and-swap that came too late gets what is there", async () => {
  const { cache, create, update } = pods();
  const old = await create("a");
  const current = await update("a", "default", { labels: { x: "y" } });
  const result = await cache.compareAndSwap(old.key, old.revision, bytes({}), {});
  assert.ok(!result.swapped);
  assert.equal(result.current?.revision, current.revision);
  assert.deepEqual(result.current?.object.metadata?.labels, { x: "y" });
  await assert.rejects(cache.compareAndSwap("/registry/secrets/x", 0, bytes({})), RangeError);
});
