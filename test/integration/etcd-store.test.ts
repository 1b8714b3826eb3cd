/** The store on a real etcd, over TLS. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { storeContract } from "../../src/store/store.contract.ts";
import { type Etcd, startEtcd, withoutEtcd } from "./etcd.fixture.ts";

describe("etcd", { skip: withoutEtcd }, () => {
  let etcd: Etcd;
  let sequence = 0;
  before(async () => {
    etcd = await startEtcd();
  });
  after(() => etcd?.dispose());

  storeContract("the store on etcd", async () => {
    const store = await etcd.store(`/contract-${sequence++}`);
    return { store, dispose: () => store.close() };
  });

  test("keys of others on the same etcd are neither seen nor in the way", async () => {
    const [mine, others] = await Promise.all([etcd.store("/quite/a/long/prefix"), etcd.store()]);
    const seen: string[] = [];
    const done = Promise.withResolvers<void>();
    mine.watch("", await mine.revision(), {
      onEvents(events) {
        seen.push(...events.map(({ key }) => key));
        if (seen.includes("/last")) done.resolve();
      },
      onError: done.reject,
    });
    for (const key of ["/x", "/quite/a/long/prefix", "/quite/a/long/prefixes/y", "/quite/a/long/prefix/theirs"]) {
      assert.ok((await others.compareAndSwap(key, 0, Buffer.from("x"))).swapped);
    }
    await mine.compareAndSwap("/last", 0, Buffer.from("x"));
    await done.promise;
    assert.deepEqual(seen, ["/theirs", "/last"]);
    assert.deepEqual(
      (await mine.list("")).entries.map(({ key }) => key),
      ["/last", "/theirs"],
    );
    await Promise.all([mine.close(), others.close()]);
  });
});
