import { memoryStore } from "./memory.ts";
import { storeContract } from "./store.contract.ts";

storeContract("the memory store", async () => {
  const store = memoryStore();
  return { store, dispose: () => store.close() };
});
