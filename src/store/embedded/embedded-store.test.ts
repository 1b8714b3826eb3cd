import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import { silentLogger } from "../../base/logger.ts";
import { storeContract } from "../store.contract.ts";
import { embeddedStore } from "./embedded-store.ts";

storeContract("the embedded store", async () => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-store-"));
  const store = await embeddedStore({ path: join(directory, "store.db"), clock: systemClock(), logger: silentLogger });
  return {
    store,
    async dispose() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
