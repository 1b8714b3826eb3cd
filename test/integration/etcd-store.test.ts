/** The store on a real etcd, over TLS. */
import { after, before, describe } from "node:test";
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
});
