/**
 * Turns values into what is stored of them, and back. Each kind of encryption is one; `prefixed` chooses among several by
 * the prefix that each puts in front of what it writes.
 *
 * The formats are upstream's, to the byte: `k8s:enc:aescbc:v1:<key name>:` and so on. Who holds the keys of one server
 * reads what the other wrote.
 */
export interface Transformer {
  /**
   * The plain value. Rejects, or throws, where it can't be decrypted: a TransientError where that may be another time.
   * Answers without a promise unless somebody has to be asked.
   */
  fromStorage(stored: Uint8Array, context: StorageContext): PlainValue | Promise<PlainValue>;
  toStorage(plain: Uint8Array, context: StorageContext): Uint8Array | Promise<Uint8Array>;
}

export interface StorageContext {
  /** The storage key, which authenticating ciphers bind the value to: it can't be moved to another object. */
  readonly key: Uint8Array;
  /** `secrets` or `tests.example.org`, for metrics. */
  readonly resource: string;
}

export interface PlainValue {
  readonly plain: Uint8Array;
  /** Whether it would be stored otherwise now: another key, another provider. */
  readonly stale: boolean;
}

/** Whoever has to decrypt can't be asked just now. */
export class TransientError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TransientError";
  }
}

/** Told of each transformation that went through a prefix. */
export interface TransformationObserver {
  observe(resource: string, direction: "from_storage" | "to_storage", prefix: string, error?: unknown): void;
}

/** A transformer with what it puts in front of its values; the empty prefix fits any value. */
export interface Prefixed {
  readonly prefix: string;
  readonly transformer: Transformer;
}

/**
 * The first of `choices` writes. The first whose prefix is there, and that can read what follows, reads; what another
 * than the first has read is stale. Prefixes may overlap, as those of the same cipher with other keys do.
 */
export function prefixed(
  choices: readonly Prefixed[],
  noMatch: string,
  observer?: TransformationObserver,
): Transformer {
  const prefixes = choices.map(({ prefix }) => Buffer.from(prefix));
  const first = choices[0];
  if (!first) throw new RangeError("a value needs at least one transformer");

  const readFrom = (
    index: number,
    stored: Uint8Array,
    context: StorageContext,
    errors: unknown[],
  ): PlainValue | Promise<PlainValue> => {
    for (let at = index; at < choices.length; at++) {
      const prefix = prefixes[at]!;
      if (!startsWith(stored, prefix)) continue;
      const label = prefix.length === 0 ? "identity" : choices[at]!.prefix;
      const done = ({ plain, stale }: PlainValue): PlainValue => {
        observer?.observe(context.resource, "from_storage", label);
        return { plain, stale: stale || at !== 0 };
      };
      const failed = (error: unknown) => {
        // Without a prefix every value is tried; that it is not plain says nothing yet.
        if (prefix.length === 0) return;
        observer?.observe(context.resource, "from_storage", label, error);
        errors.push(error);
      };
      try {
        const result = choices[at]!.transformer.fromStorage(stored.subarray(prefix.length), context);
        if (!(result instanceof Promise)) return done(result);
        return result.then(done, (error: unknown) => {
          failed(error);
          return readFrom(at + 1, stored, context, errors);
        });
      } catch (error) {
        failed(error);
      }
    }
    const transient = errors.find((error) => error instanceof TransientError);
    if (transient) throw transient;
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new Error(`[${errors.map((error) => (error as Error).message).join(", ")}]`);
    observer?.observe(context.resource, "from_storage", "unknown", new Error(noMatch));
    throw new Error(noMatch);
  };

  return {
    fromStorage: (stored, context) => readFrom(0, stored, context, []),
    toStorage(plain, context) {
      const done = (stored: Uint8Array): Uint8Array => {
        observer?.observe(context.resource, "to_storage", first.prefix);
        return prefixes[0]!.length === 0 ? stored : Buffer.concat([prefixes[0]!, stored]);
      };
      const failed = (error: unknown): never => {
        observer?.observe(context.resource, "to_storage", first.prefix, error);
        throw error;
      };
      try {
        const result = first.transformer.toStorage(plain, context);
        return result instanceof Promise ? result.then(done, failed) : done(result);
      } catch (error) {
        return failed(error);
      }
    },
  };
}

export function startsWith(value: Uint8Array, prefix: Uint8Array): boolean {
  if (value.length < prefix.length) return false;
  for (let index = 0; index < prefix.length; index++) if (value[index] !== prefix[index]) return false;
  return true;
}
