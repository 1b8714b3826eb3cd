import type { Clock, Timer } from "../../base/clock.ts";

/** How long a document is kept after its last use. */
export const KEEP_MS = 60_000;

/** Documents by key: made once, shared by those who ask meanwhile, and let go when nobody has asked for a minute. */
export function expiringDocuments(clock: Clock): {
  get(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array>;
  readonly size: number;
} {
  const kept = new Map<string, { bytes: Promise<Uint8Array>; timer: Timer }>();
  return {
    get size() {
      return kept.size;
    },
    get(key, make) {
      const known = kept.get(key);
      known?.timer.cancel();
      const bytes = known?.bytes ?? make();
      const entry = { bytes, timer: clock.after(KEEP_MS, () => kept.delete(key)) };
      kept.set(key, entry);
      bytes.catch(() => {
        // A document that could not be made is tried again the next time.
        if (kept.get(key)?.bytes === bytes) {
          kept.get(key)?.timer.cancel();
          kept.delete(key);
        }
      });
      return bytes;
    },
  };
}
