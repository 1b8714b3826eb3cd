import type { Clock } from "../base/clock.ts";
import { type Store, StoreUnavailableError } from "../store/store.ts";

/** As upstream's --etcd-healthcheck-timeout. */
const PATIENCE_MS = 2_000;

/** A health check: whether the store answers, in time. Whoever asks while an answer is awaited waits for the same one. */
export function storeCheck(store: Pick<Store, "revision">, clock: Clock): () => Promise<void> {
  let running: Promise<void> | undefined;
  const check = async () => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = clock.after(PATIENCE_MS, () =>
      reject(new StoreUnavailableError(`the store did not answer within ${PATIENCE_MS / 1000} s`)),
    );
    try {
      await Promise.race([store.revision(), late]);
    } finally {
      timer.cancel();
    }
  };
  return () => {
    running ??= check().finally(() => {
      running = undefined;
    });
    return running;
  };
}
