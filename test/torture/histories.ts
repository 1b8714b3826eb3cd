import { seededRandom } from "../../src/base/random.ts";
import type { Store } from "../../src/store/store.ts";
import { isLinearizable, type Operation } from "./linearizability.ts";

export interface Workload {
  seed: number;
  clients: number;
  /** Of each client. */
  operations: number;
  keys: number;
}

const text = (value: Uint8Array | undefined) => (value ? Buffer.from(value).toString() : null);

/** A write that was certainly not carried out, by somebody who does not say what was there instead. */
export class Refused extends Error {}

/**
 * Lets clients read, write and delete the same few keys at once, and records what they were told. An operation that
 * fails is taken for one that may have happened.
 */
export async function record(
  store: Pick<Store, "get" | "compareAndSwap">,
  { seed, clients, operations, keys }: Workload,
): Promise<Map<string, Operation[]>> {
  const histories = new Map<string, Operation[]>();
  let instant = 0;
  const client = async (id: number) => {
    const random = seededRandom(seed * 1000 + id);
    const known = new Map<string, number>();
    for (let index = 0; index < operations; index++) {
      const key = `/linear/${Math.floor(random.next() * keys)}`;
      const history = histories.get(key) ?? [];
      histories.set(key, history);
      const called = ++instant;
      const dice = random.next();
      const write = dice >= 0.4;
      const expected = known.get(key) ?? 0;
      const value = write ? (dice < 0.9 || expected === 0 ? `${id}/${index}` : null) : null;
      const input = write ? ({ kind: "swap", expected, value } as const) : ({ kind: "get" } as const);
      try {
        if (input.kind === "get") {
          const { entry } = await store.get(key);
          const revision = entry?.modRevision ?? 0;
          known.set(key, revision);
          const output = { kind: "get", revision, value: text(entry?.value) } as const;
          history.push({ called, returned: ++instant, input, output });
        } else {
          const bytes = value === null ? null : Buffer.from(value);
          const result = await store.compareAndSwap(key, expected, bytes);
          const seen = result.swapped ? result.entry : result.current;
          const revision = seen?.modRevision ?? 0;
          known.set(key, revision);
          history.push({
            called,
            returned: ++instant,
            input,
            output: result.swapped
              ? { kind: "swapped", revision: result.revision }
              : { kind: "refused", revision, value: text(seen?.value) },
          });
        }
      } catch (error) {
        if (!(error instanceof Refused)) history.push({ called, returned: undefined, input });
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, id) => client(id)));
  return histories;
}

/** The keys whose histories no register could have. */
export function violations(histories: ReadonlyMap<string, readonly Operation[]>): string[] {
  return [...histories].filter(([, history]) => !isLinearizable(history)).map(([key]) => key);
}
