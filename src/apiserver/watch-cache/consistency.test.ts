import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { seededRandom } from "../../base/random.ts";
import { embeddedStore } from "../../store/embedded/embedded-store.ts";
import { memoryStore } from "../../store/memory.ts";
import type { Store } from "../../store/store.ts";
import { pods } from "./pods.fixture.ts";
import type { CachedObject, Selection, WatchEvent } from "./watch-cache.ts";

const WRITERS = 12;
const STEPS = 40;

test("on the memory store everybody sees the same, in the same order", () => everybodyAgrees(memoryStore()));

test("on the embedded store everybody sees the same, in the same order", async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-cache-"));
  try {
    const path = join(directory, "store.db");
    await everybodyAgrees(await embeddedStore({ path, clock: systemClock(), logger: silentLogger }));
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** Writers race, each checking that it reads its own writes; watchers begin at all times and build copies of the present. */
async function everybodyAgrees(store: Store): Promise<void> {
  const { cache, caches, create, update, remove } = pods({ store });
  const random = seededRandom(42);
  const selections: Selection[] = [
    {},
    { namespace: "one" },
    { matches: ({ labels }) => labels.odd === "true" },
    { exact: { "spec.nodeName": "n1" }, matches: ({ fields }) => fields["spec.nodeName"] === "n1" },
  ];
  const done = Promise.withResolvers<number>();
  const mirrors: Promise<void>[] = [];

  const mirror = async (selection: Selection) => {
    const { items, resourceVersion } = await cache.list(selection);
    const copy = new Map(items.map((item) => [item.key, item.revision]));
    const watch = await cache.watch({ ...selection, resourceVersion, bookmarks: true });
    let last = resourceVersion;
    const take = (event: WatchEvent) => {
      assert.ok(event.type !== "ERROR" && event.type !== "BOOKMARK");
      const { key, revision } = event.object;
      assert.ok(revision > last, "events come in order, each once");
      last = revision;
      assert.equal(copy.has(key), event.type !== "ADDED");
      if (event.type === "DELETED") copy.delete(key);
      else copy.set(key, revision);
    };
    const reading = (async () => {
      for await (const events of watch) events.forEach(take);
    })();
    await done.promise;
    await new Promise<void>((resolve) => setImmediate(resolve));
    watch.close();
    await reading;
    const final = await cache.list(selection);
    assert.deepEqual([...copy].sort(), final.items.map((item) => [item.key, item.revision]).sort());
  };
  const writer = async (id: number) => {
    const namespace = id % 2 ? "one" : "two";
    const name = `p${id}`;
    const key = cache.key(name, namespace);
    let exists = false;
    for (let step = 0; step < STEPS; step++) {
      if (exists && random.next() < 0.3) {
        const revision = await remove(name, namespace);
        exists = false;
        assert.equal(await cache.get(key), undefined);
        assert.ok((await cache.list()).resourceVersion >= revision);
      } else {
        const pod = { node: `n${step % 3}`, labels: { odd: String(random.next() < 0.5) }, given: random.next() < 0.5 };
        const write = exists ? update : create;
        const written: CachedObject = await write(name, namespace, pod);
        exists = true;
        assert.equal((await cache.get(key))?.revision, written.revision);
        assert.ok((await cache.list({ namespace })).items.some((item) => item.revision === written.revision));
      }
      if (step % 10 === id % 10) mirrors.push(mirror(selections[Math.floor(random.next() * selections.length)]!));
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
  done.resolve(await store.revision());
  await Promise.all(mirrors);
  assert.ok(mirrors.length >= WRITERS);

  const stored = await store.list("/registry/pods/");
  const cached = await cache.list();
  assert.deepEqual(
    cached.items.map((item) => [item.key, item.revision, item.createRevision]),
    stored.entries.map((entry) => [entry.key, entry.modRevision, entry.createRevision]),
  );
  caches.close();
  await store.close();
}
