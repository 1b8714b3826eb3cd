/** etcd killed in the middle: histories stay linearizable, and watches miss and repeat nothing. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { StoreEvent } from "../../src/store/store.ts";
import { eventually } from "../e2e/cluster.fixture.ts";
import { type Etcd, startEtcd, withoutEtcd } from "../integration/etcd.fixture.ts";
import { record, violations } from "./histories.ts";

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
});
