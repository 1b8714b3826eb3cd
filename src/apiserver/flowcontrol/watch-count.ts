import type { RequestInfo } from "../request-info.ts";

/** Counts the watches that are open, so that the work of a change can be estimated by who learns of it. */
export class WatchCount {
  readonly #counts = new Map<string, number>();

  /** Counts a watch; call what is returned when it has ended. */
  register(info: RequestInfo): () => void {
    const key = keyOf(info, info.namespace, info.name);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      const left = this.#counts.get(key)! - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    };
  }

  /** The watches that a change by this request concerns: of its object, its namespace, and all. */
  concernedBy(info: RequestInfo): number {
    if (this.#counts.size === 0) return 0;
    const { namespace, name } = info;
    let sum = this.#of(info, "", "");
    if (namespace !== "") sum += this.#of(info, namespace, "");
    if (name !== "") {
      sum += this.#of(info, "", name);
      if (namespace !== "") sum += this.#of(info, namespace, name);
    }
    return sum;
  }

  #of(info: RequestInfo, namespace: string, name: string): number {
    return this.#counts.get(keyOf(info, namespace, name)) ?? 0;
  }
}

const keyOf = ({ group, resource }: RequestInfo, namespace: string, name: string) =>
  `${group}/${resource}/${namespace}/${name}`;
