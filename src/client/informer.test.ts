import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { configMaps, nodes } from "../api/resource-types.ts";
import { internalError } from "../api/status-error.ts";
import type { ConfigMap } from "../api/types/core.v1.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { type VirtualClock, virtualClock } from "../base/virtual-clock.ts";
import { ConnectionError } from "./client.ts";
import { eventually, type FakeClient, fakeClient } from "./fake-client.fixture.ts";
import type { Informer, InformerFactory } from "./informer.ts";
import { informerFactory } from "./informer-factory.ts";

const map = (name: string, labels: Record<string, string> = {}, namespace = "default"): ConfigMap => ({
  metadata: { name, namespace, labels },
});

interface Bench {
  clock: VirtualClock;
  fake: FakeClient;
  factory: InformerFactory;
  informer: Informer<ConfigMap>;
  log: string[];
}
async function withInformer(objects: ConfigMap[], run: (bench: Bench) => Promise<void>): Promise<void> {
  const clock = virtualClock();
  const fake = fakeClient({ clock });
  fake.put(configMaps, ...objects);
  const factory = informerFactory({ client: fake, clock, random: seededRandom(1), logger: silentLogger });
  const informer = factory.informer(configMaps);
  const log: string[] = [];
  informer.on({
    add: (object) => log.push(`add ${object.metadata?.name}`),
    update: (old, object) => {
      assert.notEqual(old.metadata?.resourceVersion, object.metadata?.resourceVersion);
      log.push(`update ${object.metadata?.name}`);
    },
    delete: (object, final) => log.push(`delete ${object.metadata?.name}${final ? "" : " (missed)"}`),
  });
  informer.addIndex("label", (object) => Object.values(object.metadata?.labels ?? {}));
  try {
    await run({ clock, fake, factory, informer, log });
  } finally {
    await factory.stop();
  }
}

suite("informer", () => {
  test("lists, then follows", () =>
    withInformer([map("a", { x: "1" }), map("b")], async ({ fake, factory, informer, log }) => {
      assert.equal(informer.synced, false);
      factory.start();
      await factory.synced();
      assert.equal(informer.synced, true);
      assert.deepEqual(log.splice(0), ["add a", "add b"]);
      await eventually(() => fake.watching === 1);
      fake.put(configMaps, map("c", { x: "1" }), map("b", { x: "1" }));
      fake.remove(configMaps, "a", "default");
      await eventually(() => assert.deepEqual(log, ["add c", "update b", "delete a"]));
      assert.deepEqual(
        informer.byIndex("label", "1").map((object) => object.metadata?.name),
        ["c", "b"],
      );
      assert.equal(informer.get("default/c")?.metadata?.name, "c");
      assert.equal(informer.list("default").length, 2);
      assert.equal(informer.list("elsewhere").length, 0);
      assert.throws(() => informer.byIndex("other", "1"), /no index/);
    }));

  test("pages through a long list", () =>
    withInformer(
      Array.from({ length: 1234 }, (_, i) => map(`m${i}`)),
      async ({ fake, factory, informer }) => {
        factory.start();
        await factory.synced();
        assert.equal(informer.list().length, 1234);
        assert.equal(fake.actions.filter(({ verb }) => verb === "list").length, 3);
      },
    ));

  test("takes up a broken watch where it left off, without listing", () =>
    withInformer([map("a")], async ({ clock, fake, factory, log }) => {
      factory.start();
      await eventually(() => fake.watching === 1);
      await clock.advance(5000);
      log.splice(0);
      fake.cutWatches();
      fake.put(configMaps, map("b"));
      await eventually(() => assert.deepEqual(log, ["add b"]));
      assert.equal(fake.actions.filter(({ verb }) => verb === "list").length, 1);
    }));

  test("a bookmark moves the place to resume from", () =>
    withInformer([map("a")], async ({ clock, fake, factory }) => {
      factory.start();
      await eventually(() => fake.watching === 1);
      await clock.advance(5000);
      fake.bookmark();
      await clock.advance(0);
      fake.cutWatches({ forget: false });
      await eventually(() => fake.watching === 1);
      assert.equal(fake.actions.filter(({ verb }) => verb === "list").length, 1);
    }));

  test("lists again when the history is gone, and hands over the differences", () =>
    withInformer([map("a"), map("b"), map("c"), map("same")], async ({ clock, fake, factory, log }) => {
      factory.start();
      await eventually(() => fake.watching === 1);
      log.splice(0);
      fake.cutWatches({ forget: true });
      fake.remove(configMaps, "a", "default");
      fake.put(configMaps, map("b", { new: "1" }), map("d"));
      fake.remove(configMaps, "c", "default");
      fake.put(configMaps, map("c"));
      fake.cutWatches({ forget: true });
      await clock.advance(2000);
      await eventually(() =>
        assert.deepEqual(log.sort(), ["add c", "add d", "delete a (missed)", "delete c (missed)", "update b"]),
      );
    }));

  test("a late handler is told what is known; a removed one hears nothing more", () =>
    withInformer([map("a")], async ({ fake, factory, informer }) => {
      factory.start();
      await eventually(() => fake.watching === 1);
      const names: (string | undefined)[] = [];
      const remove = informer.on({ add: (object) => names.push(object.metadata?.name) });
      assert.deepEqual(names, ["a"]);
      remove();
      fake.put(configMaps, map("b"));
      await eventually(() => informer.get("default/b") !== undefined);
      assert.deepEqual(names, ["a"]);
    }));

  test("a failing handler does not keep the change from the others", () =>
    withInformer([map("a")], async ({ fake, factory, informer, log }) => {
      informer.on({
        add: () => {
          throw new Error("mine");
        },
      });
      factory.start();
      await eventually(() => fake.watching === 1);
      fake.put(configMaps, map("b"));
      await eventually(() => assert.deepEqual(log, ["add a", "add b"]));
    }));

  test("waits longer and longer while the server can't be reached", () =>
    withInformer([map("a")], async ({ clock, fake, factory, informer }) => {
      const tries: number[] = [];
      const release = fake.intercept(() => {
        tries.push(clock.monotonic());
        throw new ConnectionError("refused");
      });
      factory.start();
      await clock.advance(300_000);
      const waits = tries.slice(1).map((at, i) => at - tries[i]!);
      assert.ok(waits[0]! <= 100, `the first retry is fast: ${waits[0]}`);
      assert.ok(waits[1]! >= 800 && waits[1]! <= 1600);
      assert.ok(waits.every((wait) => wait <= 60_000));
      assert.ok(waits.at(-1)! >= 30_000);
      release();
      await clock.advance(60_000);
      assert.equal(informer.synced, true);
    }));

  test("gets past an error of the server with a fresh list", () =>
    withInformer([map("a")], async ({ clock, fake, factory, informer }) => {
      factory.start();
      await eventually(() => fake.watching === 1);
      const release = fake.intercept(({ verb }) => {
        if (verb === "watch") throw internalError(new Error("oops"));
      });
      fake.cutWatches();
      fake.put(configMaps, map("b"));
      await clock.advance(3000);
      assert.ok(informer.get("default/b"));
      release();
      await clock.advance(10_000);
      assert.equal(fake.watching, 1);
    }));

  test("is shared by those who ask for the same", async () => {
    const clock = virtualClock();
    const client = fakeClient({ clock });
    const factory = informerFactory({ client, clock, random: seededRandom(1), logger: silentLogger });
    assert.equal(factory.informer(nodes), factory.informer(nodes, {}));
    assert.notEqual(factory.informer(nodes), factory.informer(nodes, { labelSelector: "a" }));
    assert.notEqual(factory.informer(nodes), factory.informer(nodes, { metadataOnly: true }));
    await factory.stop();
  });

  test("drops managed fields", () =>
    withInformer(
      [{ metadata: { name: "a", namespace: "default", managedFields: [{ manager: "x" }] } }],
      async ({ factory, informer }) => {
        factory.start();
        await factory.synced();
        assert.equal(informer.get("default/a")?.metadata?.managedFields, undefined);
      },
    ));

  test("waiting for synced ends with the signal; stop ends the watches", () =>
    withInformer([], async ({ fake, factory }) => {
      const release = fake.intercept(() => {
        throw new ConnectionError("refused");
      });
      factory.start();
      const abort = new AbortController();
      const waiting = factory.synced(abort.signal);
      abort.abort(new Error("enough"));
      await assert.rejects(waiting, /enough/);
      release();
      await factory.stop();
      assert.equal(fake.watching, 0);
    }));
});
