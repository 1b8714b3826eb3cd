/** etcd killed in the middle: histories stay linearizable, and watches miss and repeat nothing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { configMaps } from "../../src/api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../src/api/status-error.ts";
import type { ConfigMap } from "../../src/api/types/core.v1.ts";
import { adminClient, testServer } from "../../src/apiserver/server.fixture.ts";
import type { Client } from "../../src/client/client.ts";
import type { Entry, Store, StoreEvent } from "../../src/store/store.ts";
import { eventually } from "../e2e/cluster.fixture.ts";
import { type Etcd, startEtcd, withoutEtcd } from "../integration/etcd.fixture.ts";
import { Refused, record, violations } from "./histories.ts";

describe("etcd that dies", { skip: withoutEtcd }, () => {
  let etcd: Etcd;
  before(async () => {
    etcd = await startEtcd();
  });
  after(() => etcd?.dispose());

  test("the store on etcd is linearizable, also while etcd is killed and started again", async () => {
    const store = await etcd.store("/linear");
    const events: StoreEvent[] = [];
    const errors: Error[] = [];
    const start = await store.revision();
    const watch = store.watch("/", start, {
      onEvents: (batch) => void events.push(...batch),
      onError: (error) => void errors.push(error),
    });
    let over = false;
    const killer = (async () => {
      for (let round = 0; round < 3 && !over; round++) {
        const target = events.length + 100;
        await eventually("some writes", async () => over || events.length >= target);
        await etcd.stop("SIGKILL");
        await etcd.start();
      }
    })();
    const histories = await record(store, { seed: 6, clients: 8, operations: 200, keys: 6 });
    over = true;
    await killer;
    const operations = [...histories.values()].flat();
    assert.ok(operations.filter(({ output }) => output?.kind === "swapped").length > 300);
    assert.ok(
      operations.some(({ returned }) => returned === undefined),
      "nothing was under way when etcd was killed",
    );
    assert.deepEqual(violations(histories), []);

    const end = await store.revision();
    await eventually("the last event", async () => events.at(-1)?.revision === end);
    // This etcd has no other keys: each revision is one event.
    assert.deepEqual(
      events.map(({ revision }) => revision),
      Array.from({ length: end - start }, (_, index) => start + 1 + index),
    );
    assert.deepEqual(errors, []);
    for (const [index, { key, previous }] of events.entries()) {
      const before = events.slice(0, index).findLast((event) => event.key === key);
      assert.equal(previous?.modRevision, before?.entry?.modRevision, `what was before revision ${start + 1 + index}`);
    }
    watch.close();
    await store.close();
  });

  test("reads and writes through two API servers are linearizable", async () => {
    const stores = await Promise.all([1, 2].map(() => etcd.store("/servers", { root: "/registry" })));
    const servers = stores.map((store) => testServer({ store }));
    await Promise.all(servers.map(({ ready }) => ready));
    const histories = await record(asStore(servers.map(adminClient)), {
      seed: 7,
      clients: 8,
      operations: 100,
      keys: 4,
    });
    const operations = [...histories.values()].flat();
    assert.ok(operations.every(({ returned }) => returned !== undefined));
    assert.ok(operations.filter(({ input }) => input.kind === "swap").length > 100);
    assert.deepEqual(violations(histories), []);
    for (const server of servers) await server.close(0);
    for (const store of stores) await store.close();
  });
});

/** ConfigMaps as entries of a store; each operation goes to the next of the servers. */
function asStore(clients: readonly Client[]): Pick<Store, "get" | "compareAndSwap"> {
  let turn = 0;
  const next = () => clients[turn++ % clients.length]!.resource(configMaps);
  const nameOf = (key: string) => key.slice(1).replaceAll("/", "-");
  const entryOf = (key: string, { metadata, data }: ConfigMap): Entry => ({
    key,
    value: Buffer.from(data!.value!),
    createRevision: 0,
    modRevision: Number(metadata!.resourceVersion),
  });
  return {
    async get(key) {
      try {
        return { entry: entryOf(key, await next().get(nameOf(key), "default")), revision: 0 };
      } catch (error) {
        if (isNotFound(error)) return { entry: undefined, revision: 0 };
        throw error;
      }
    },
    async compareAndSwap(key, expected, value) {
      const name = nameOf(key);
      const resourceVersion = String(expected);
      try {
        if (value === null) {
          await next().delete(name, "default", { preconditions: { resourceVersion } });
          return { swapped: true, revision: 0, entry: undefined };
        }
        const object = { metadata: { name, namespace: "default" }, data: { value: Buffer.from(value).toString() } };
        const written =
          expected === 0
            ? await next().create(object)
            : await next().update({ ...object, metadata: { ...object.metadata, resourceVersion } });
        const entry = entryOf(key, written);
        return { swapped: true, revision: entry.modRevision, entry };
      } catch (error) {
        if (isConflict(error) || isNotFound(error) || isAlreadyExists(error))
          throw new Refused(undefined, { cause: error });
        throw error;
      }
    },
  };
}
