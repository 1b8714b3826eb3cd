import type { AdmissionAttributes } from "../admission.ts";

/** Longer values are cut off (10 KiB, as upstream). */
const MAX_VALUE_BYTES = 10 * 1024;

/** The audit annotations that the bindings of one policy came to: different values of one key are listed. */
export class AuditAnnotations {
  readonly #values = new Map<string, Set<string>>();

  add(key: string, value: string): void {
    const bytes = Buffer.from(value);
    const cut = bytes.length > MAX_VALUE_BYTES ? bytes.subarray(0, MAX_VALUE_BYTES).toString() : value;
    const values = this.#values.get(key);
    if (values) values.add(cut);
    else this.#values.set(key, new Set([cut]));
  }

  publish(policy: string, attributes: AdmissionAttributes): void {
    for (const [key, values] of this.#values) attributes.annotate?.(`${policy}/${key}`, [...values].join(", "));
  }
}
