import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../base/logger.ts";
import { CompactedError } from "../../store/store.ts";
import { follow, names, pods, remoteStore, show } from "./pods.fixture.ts";
import type { Attributes, ChangeEvent, WatchEvent } from "./watch-cache.ts";

const labelled = (app: string) => ({ matches: ({ labels }: Attributes) => labels.app === app });
const onNode = (node: string) => ({
  matches: ({ fields }: Attributes) => fields["spec.nodeName"] === node,
  exact: { "spec.nodeName": node },
});

test("a watch without a version begins with the present, then come the changes", async () => {
  const { cache, create, update, remove } = pods();
  const b = await create("b");
  const a = await create("a");
  for (const options of [{}, { resourceVersion: 0 }]) {
    const watch = follow(await cache.watch(options));
    assert.deepEqual(await watch.settled(), [`ADDED default/a@${a.revision}`, `ADDED default/b@${b.revision}`]);
  }
  const watch = follow(await cache.watch());
  const changed = await update("b");
  const gone = await remove("b");
  const back = await create("b");
  assert.deepEqual((await watch.settled()).slice(2), [
    `MODIFIED default/b@${changed.revision}`,
    `DELETED default/b@${gone}`,
    `ADDED default/b@${back.revision}`,
  ]);
});

test("a watch from a version gets precisely what happened after it", async () => {
  const { cache, create, update, remove } = pods();
  const a = await create("a");
  await cache.list();
  const b = await create("b");
  const changed = await update("a");
  const gone = await remove("b");
  const from = async (resourceVersion: number) => follow(await cache.watch({ resourceVersion })).settled();
  const all = [`ADDED default/b@${b.revision}`, `MODIFIED default/a@${changed.revision}`, `DELETED default/b@${gone}`];
  assert.deepEqual(await from(a.revision), all);
  assert.deepEqual(await from(b.revision), all.slice(1));
  assert.deepEqual(await from(gone), []);
  const future = follow(await cache.watch({ resourceVersion: gone + 1 }));
  await create("c");
  const d = await create("d");
  assert.deepEqual(await future.settled(), [`ADDED default/d@${d.revision}`]);
});

test("a version from before the kept history is expired", async () => {
  const { cache, create } = pods({ history: { maxChanges: 2 } });
  const first = await create("a");
  await cache.list();
  const revisions: number[] = [];
  for (const name of ["b", "c", "d"]) revisions.push((await create(name)).revision);
  const watch = follow(await cache.watch({ resourceVersion: first.revision }));
  await watch.ended;
  assert.deepEqual(watch.shown, [`ERROR 410 too old resource version: ${first.revision} (${revisions[0]})`]);
  const [event] = watch.events as [WatchEvent & { type: "ERROR" }];
  assert.equal(event.error.reason, "Expired");
  assert.equal((await follow(await cache.watch({ resourceVersion: revisions[0]! })).settled()).length, 2);
});

test("a cache that was loaded only now tells what the store still knows of the time before", async () => {
  const { store, create, update, remove } = pods();
  const a = await create("a");
  const b = await create("b", "other");
  const changed = await update("a");
  await store.compareAndSwap("/elsewhere", 0, new Uint8Array(1));
  const gone = await remove("b", "other");
  const after = pods({ store });
  const expected = [`ADDED other/b@${b.revision}`, `MODIFIED default/a@${changed.revision}`, `DELETED other/b@${gone}`];
  // Several at once, from different places.
  const from = async (resourceVersion: number) => follow(await after.cache.watch({ resourceVersion })).settled();
  const [late, early] = await Promise.all([from(b.revision), from(a.revision)]);
  assert.deepEqual([early, late], [expected, expected.slice(1)]);
  const c = await after.create("c");
  assert.deepEqual(await from(a.revision), [...expected, `ADDED default/c@${c.revision}`]);

  const short = pods({ store, history: { maxChanges: 2 } });
  const watch = follow(await short.cache.watch({ resourceVersion: a.revision }));
  await watch.ended;
  assert.match(watch.shown[0]!, /^ERROR 410/);
  await store.compact(changed.revision);
  const forgotten = follow(await pods({ store }).cache.watch({ resourceVersion: b.revision }));
  await forgotten.ended;
  assert.match(forgotten.shown[0]!, /^ERROR 410/);
});

test("what enters a selection is added, what leaves it is deleted with its last state there", async () => {
  const { cache, create, update, remove } = pods();
  const watch = follow(await cache.watch({ ...labelled("web"), resourceVersion: await seed() }));
  async function seed() {
    await cache.list();
    return (await create("other", "default", { labels: { app: "db" } })).revision;
  }
  const a = await create("a", "default", { labels: { app: "web", v: "1" } });
  const b = await create("b", "default", { labels: { app: "db" } });
  const entered = await update("b", "default", { labels: { app: "web" } });
  const changed = await update("a", "default", { labels: { app: "web", v: "2" } });
  const left = await update("a", "default", { labels: { app: "db" } });
  await update("a", "default", { labels: { app: "db", v: "3" } });
  await remove("a");
  const gone = await remove("b");
  assert.ok(b);
  assert.deepEqual(await watch.settled(), [
    `ADDED default/a@${a.revision}`,
    `ADDED default/b@${entered.revision}`,
    `MODIFIED default/a@${changed.revision}`,
    `DELETED default/a@${left.revision}`,
    `DELETED default/b@${gone}`,
  ]);
  const deletion = watch.events[3] as ChangeEvent;
  assert.deepEqual(deletion.object.object.metadata?.labels, { app: "web", v: "2" });
  assert.equal(deletion.object.object.metadata?.resourceVersion, String(left.revision));
});

test("each watcher gets what it selects, however it selects it", async () => {
  const { cache, create, update, remove } = pods();
  await cache.list();
  const start = (await cache.list()).resourceVersion;
  const selections = [
    {},
    { namespace: "one" },
    { name: "a" },
    { name: "a", namespace: "two" },
    onNode("n1"),
    { ...onNode("n2"), namespace: "one" },
    labelled("x"),
  ];
  const watches = await Promise.all(
    selections.map(async (selection) => follow(await cache.watch({ ...selection, resourceVersion: start }))),
  );
  await create("a", "one", { node: "n1", labels: { app: "x" } });
  await create("a", "two", { node: "n2" });
  await update("a", "one", { node: "n2" });
  await create("b", "one", { node: "n1" });
  await remove("a", "one");
  await remove("b", "one");
  const seen = await Promise.all(
    watches.map(async (watch) => (await watch.settled()).map((line) => line.split("@")[0])),
  );
  assert.deepEqual(seen, [
    ["ADDED one/a", "ADDED two/a", "MODIFIED one/a", "ADDED one/b", "DELETED one/a", "DELETED one/b"],
    ["ADDED one/a", "MODIFIED one/a", "ADDED one/b", "DELETED one/a", "DELETED one/b"],
    ["ADDED one/a", "ADDED two/a", "MODIFIED one/a", "DELETED one/a"],
    ["ADDED two/a"],
    ["ADDED one/a", "DELETED one/a", "ADDED one/b", "DELETED one/b"],
    ["ADDED one/a", "DELETED one/a"],
    ["ADDED one/a", "DELETED one/a"],
  ]);
  // The same, from history.
  for (const [index, selection] of selections.entries()) {
    const late = follow(await cache.watch({ ...selection, resourceVersion: start }));
    assert.deepEqual(await late.settled(), watches[index]!.shown);
  }
});

test("a change is offered only to the watchers that it may concern", async () => {
  const { cache, create } = pods();
  const start = (await cache.list()).resourceVersion;
  let asked = 0;
  for (let i = 0; i < 100; i++) {
    for (const selection of [onNode(`n${i}`), { name: `p${i}`, matches: () => true }]) {
      const matches = (attributes: Attributes) => {
        asked++;
        return selection.matches(attributes);
      };
      await cache.watch({ ...selection, matches, resourceVersion: start });
    }
  }
  await create("p7", "default", { node: "n5" });
  assert.equal(asked, 2);
});

test("initial events end with a bookmark that says so", async () => {
  const { cache, create, store } = pods();
  const a = await create("a");
  await store.compareAndSwap("/elsewhere", 0, new Uint8Array(1));
  const watch = follow(await cache.watch({ sendInitialEvents: true, bookmarks: true }));
  const b = await create("b");
  assert.deepEqual(await watch.settled(), [
    `ADDED default/a@${a.revision}`,
    `BOOKMARK@${a.revision + 1} end`,
    `ADDED default/b@${b.revision}`,
  ]);
  const without = follow(await cache.watch({ sendInitialEvents: false, bookmarks: true }));
  const c = await create("c");
  assert.deepEqual(await without.settled(), [`ADDED default/c@${c.revision}`]);
});

test("initial events at a version wait for it, and fail where it does not come", async () => {
  const { cache, clock, create } = pods();
  const a = await create("a");
  const options = { sendInitialEvents: true, bookmarks: true, resourceVersion: a.revision + 1 };
  const [starting] = [cache.watch(options)];
  const b = await create("b");
  assert.deepEqual(await follow(await starting).settled(), [
    `ADDED default/a@${a.revision}`,
    `ADDED default/b@${b.revision}`,
    `BOOKMARK@${b.revision} end`,
  ]);
  const hopeless = cache.watch({ ...options, resourceVersion: 999 });
  await clock.advance(3000);
  const watch = follow(await hopeless);
  await watch.ended;
  assert.deepEqual(watch.shown, [`ERROR 504 Timeout: Too large resource version: 999, current: ${b.revision}`]);
});

test("bookmarks come each minute and before the timeout, which ends the watch", async () => {
  const { cache, clock, create, store } = pods();
  const { revision } = await create("a");
  const watch = follow(await cache.watch({ resourceVersion: revision, bookmarks: true, timeoutMs: 150_000 }));
  const quiet = follow(await cache.watch({ resourceVersion: revision, timeoutMs: 150_000 }));
  await clock.advance(60_000);
  assert.deepEqual(watch.shown, [`BOOKMARK@${revision}`]);
  await store.compareAndSwap("/elsewhere", 0, new Uint8Array(1));
  await clock.advance(60_000);
  await clock.advance(27_999);
  assert.deepEqual(watch.shown.slice(1), [`BOOKMARK@${revision + 1}`]);
  await clock.advance(1);
  assert.deepEqual(watch.shown.slice(2), [`BOOKMARK@${revision + 1}`]);
  await clock.advance(2_000);
  await Promise.all([watch.ended, quiet.ended]);
  assert.deepEqual(quiet.shown, []);
  assert.equal(clock.pending, 0);
});

test("a watch ends when it is closed, aborted, left, or its resource dropped, and leaves nothing behind", async () => {
  const { cache, caches, clock, create } = pods();
  const { revision } = await create("a");
  const options = { resourceVersion: revision, bookmarks: true, timeoutMs: 60_000 };
  const closed = await cache.watch(options);
  const abort = new AbortController();
  const aborted = follow(await cache.watch({ ...options, signal: abort.signal }));
  const early = follow(await cache.watch({ ...options, signal: AbortSignal.abort() }));
  const left = await cache.watch();
  const dropped = follow(await cache.watch(options));
  closed.close();
  closed.close();
  for await (const _ of closed) assert.fail("there is nothing to read");
  abort.abort();
  await Promise.all([aborted.ended, early.ended]);
  for await (const events of left) {
    assert.equal(events.length, 1);
    break;
  }
  caches.drop("/registry/pods/");
  await dropped.ended;
  assert.equal(clock.pending, 0);
  await assert.rejects(cache.list(), /not served any more/);
});

test("a watcher that does not read is ended; the others and the writers don't notice", async () => {
  const ended: unknown[] = [];
  const logger = { ...silentLogger, info: (_: string, fields?: object) => void ended.push(fields) };
  const { cache, create } = pods({ watchBuffer: 10, logger });
  await cache.list();
  const start = (await create("first")).revision;
  const slow = await cache.watch({ resourceVersion: start });
  const fast = follow(await cache.watch({ resourceVersion: start }));
  for (let i = 0; i < 30; i++) await create(`p${i}`);
  assert.equal((await fast.settled()).length, 30);
  assert.deepEqual(ended, [{ resource: "pods" }]);
  for await (const _ of slow) assert.fail("what a slow watcher has missed is not made up for by a part of it");
  // A long replay does not make a watcher slow.
  const late = await cache.watch({ resourceVersion: start });
  await create("another");
  assert.equal((await follow(late).settled()).length, 31);
});

test("watchers share the events, their encodings, and one decoding", async () => {
  const { cache, create, update, decoded } = pods();
  const { revision } = await create("a", "default", { labels: { app: "web" } });
  await cache.list();
  const before = decoded();
  const watches = await Promise.all(
    [{}, labelled("web"), { namespace: "default" }].map(async (selection) =>
      follow(await cache.watch({ ...selection, resourceVersion: revision })),
    ),
  );
  await update("a", "default", { labels: { app: "web", v: "2" } });
  for (const watch of watches) await watch.settled();
  const events = watches.map((watch) => watch.events[0] as ChangeEvent);
  assert.equal(new Set(events).size, 1);
  assert.equal(decoded(), before + 2); // the state before and the state after
  let encodings = 0;
  for (const event of events) {
    const bytes = event.encoded("json", (change) => {
      encodings++;
      return new TextEncoder().encode(show(change));
    });
    assert.match(new TextDecoder().decode(bytes), /^MODIFIED/);
  }
  assert.equal(encodings, 1);
});

test("events that are due together come together, and large beginnings in portions", async () => {
  const { cache, create } = pods();
  for (let i = 0; i < 1200; i++) await create(`p${i}`);
  const sizes: number[] = [];
  for await (const batch of await cache.watch({ sendInitialEvents: true, bookmarks: true })) {
    sizes.push(batch.length);
    if (batch.at(-1)?.type === "BOOKMARK") break;
  }
  assert.deepEqual(sizes, [500, 500, 200, 1]);
});

test("a broken watch of the store is taken up where it broke", async () => {
  const { store, direct, release, fail } = remoteStore();
  const { cache, clock } = pods({ store });
  await cache.list();
  const watch = follow(await cache.watch());
  const write = (name: string) => direct.compareAndSwap(cache.key(name, "default"), 0, bytes(name));
  const a = await write("a");
  release();
  const b = await write("b");
  fail(new Error("connection lost"));
  const c = await write("c");
  await clock.advance(100);
  release();
  assert.deepEqual(await watch.settled(), [
    `ADDED default/a@${a.revision}`,
    `ADDED default/b@${b.revision}`,
    `ADDED default/c@${c.revision}`,
  ]);
});

test("where the store has forgotten that place, the watches end and all is loaded anew", async () => {
  const { store, direct, fail, release } = remoteStore();
  const { cache, clock } = pods({ store });
  const watch = follow(await cache.watch());
  await direct.compareAndSwap(cache.key("a", "default"), 0, bytes("a"));
  const { revision } = await direct.compareAndSwap(cache.key("b", "default"), 0, bytes("b"));
  await direct.compact(revision);
  fail(new CompactedError(revision));
  await watch.ended;
  assert.deepEqual(names(await cache.list()), ["a", "b"]);
  const again = follow(await cache.watch({ resourceVersion: revision - 1 }));
  await again.ended;
  assert.match(again.shown[0]!, /^ERROR 410/);
  const anew = follow(await cache.watch({ resourceVersion: revision }));
  const c = await direct.compareAndSwap(cache.key("c", "default"), 0, bytes("c"));
  release();
  assert.deepEqual(await anew.settled(), [`ADDED default/c@${c.revision}`]);
  assert.equal(clock.pending, 0);
});

test("closing ends the watches and the waiting", async () => {
  const { store, direct } = remoteStore();
  const { cache, caches, clock } = pods({ store });
  const watch = follow(await cache.watch());
  await direct.compareAndSwap(cache.key("a", "default"), 0, bytes("a"));
  const waiting = assert.rejects(cache.list(), /closed/);
  await new Promise<void>((resolve) => setImmediate(resolve));
  caches.close();
  await Promise.all([watch.ended, waiting]);
  await assert.rejects(cache.list());
  assert.equal(clock.pending, 0);
});

const bytes = (name: string) =>
  new TextEncoder().encode(JSON.stringify({ metadata: { name, namespace: "default" }, spec: {} }));
