import protobuf from "protobufjs/light.js";

/**
 * Protobuf messages as a compact table, and the TypeScript types that follow from it. A field is written as its number,
 * then `repeated` or `map` (string keys) where it is one, then its type: `"3 repeated Mount"`, `"6 map string"`. Only
 * the fields that are used need to be listed: others are skipped on reading.
 */
export interface SchemaSource {
  /** Names in the order of their numbers from 0, or each with its number. */
  readonly enums?: { readonly [name: string]: readonly string[] | { readonly [value: string]: number } };
  readonly messages: { readonly [name: string]: { readonly [field: string]: string } };
}

interface Scalars {
  string: string;
  bool: boolean;
  bytes: Uint8Array;
  double: number;
  int32: number;
  uint32: number;
  /** Beyond 2^53 the nearest number that a double can hold. */
  int64: number;
  uint64: number;
}

type EnumValue<E> = E extends readonly (infer N)[] ? N : keyof E;
type Value<S extends SchemaSource, T, Decoded extends boolean> = T extends keyof Scalars
  ? T extends "bytes"
    ? Decoded extends true
      ? Buffer
      : Uint8Array
    : Scalars[T]
  : T extends keyof S["enums"]
    ? EnumValue<S["enums"][T]>
    : T extends keyof S["messages"]
      ? Decoded extends true
        ? Decode<S, T>
        : Encode<S, T>
      : never;
type Field<S extends SchemaSource, F, Decoded extends boolean> = F extends `${number} repeated ${infer T}`
  ? Value<S, T, Decoded>[]
  : F extends `${number} map ${infer T}`
    ? Record<string, Value<S, T, Decoded>>
    : F extends `${number} ${infer T}`
      ? Value<S, T, Decoded> | (T extends keyof S["messages"] ? (Decoded extends true ? null : never) : never)
      : never;

/** A message as it is written: every field may be left out. */
export type Encode<S extends SchemaSource, M extends keyof S["messages"]> = {
  readonly [F in keyof S["messages"][M]]?: Readonly<Field<S, S["messages"][M][F], false>> | undefined;
};
/** A message as it was read: every field is there, absent messages as null. */
export type Decode<S extends SchemaSource, M extends keyof S["messages"]> = {
  [F in keyof S["messages"][M]]: Field<S, S["messages"][M][F], true>;
};

/** Writes and reads one message type. `decode` throws where the bytes are no such message. */
export interface MessageCodec<In, Out> {
  encode(message: In): Buffer;
  decode(bytes: Uint8Array): Out;
}

/** The codecs of a table, made on first use. */
export interface Schema<S extends SchemaSource> {
  codec<M extends keyof S["messages"] & string>(message: M): MessageCodec<Encode<S, M>, Decode<S, M>>;
}

/** Reads a table. Throws at once where a field is malformed or names a type that is not in it. */
export function protobufSchema<const S extends SchemaSource>(source: S): Schema<S> {
  const nested: Record<string, protobuf.AnyNestedObject> = {};
  for (const [name, values] of Object.entries(source.enums ?? {})) {
    nested[name] = {
      values: Array.isArray(values) ? Object.fromEntries(values.map((value, index) => [value, index])) : { ...values },
    } as protobuf.IEnum;
  }
  for (const [name, fields] of Object.entries(source.messages)) {
    const described: Record<string, protobuf.IField | protobuf.IMapField> = {};
    for (const [field, text] of Object.entries(fields)) described[field] = describe(`${name}.${field}`, text);
    nested[name] = { fields: described } as protobuf.IType;
  }
  const root = protobuf.Root.fromJSON({ nested });
  root.resolveAll();
  const codecs = new Map<string, MessageCodec<unknown, unknown>>();
  const build = (name: string): MessageCodec<unknown, unknown> => {
    const type = root.lookupType(name);
    return {
      encode: (message) => type.encode(type.fromObject(message as Record<string, unknown>)).finish() as Buffer,
      decode: (bytes) =>
        type.toObject(type.decode(bytes), {
          longs: Number,
          enums: String,
          defaults: true,
          arrays: true,
          objects: true,
        }),
    };
  };
  return {
    codec(message) {
      let codec = codecs.get(message);
      if (!codec) {
        codec = build(message);
        codecs.set(message, codec);
      }
      return codec as ReturnType<Schema<S>["codec"]>;
    },
  } as Schema<S>;
}

function describe(field: string, text: string): protobuf.IField | protobuf.IMapField {
  const match = /^(\d+) (?:(repeated|map) )?(\w+)$/.exec(text);
  if (!match) throw new Error(`field ${field}: cannot read ${JSON.stringify(text)}`);
  const [, id, kind, type] = match as unknown as [string, string, string | undefined, string];
  if (kind === "map") return { id: Number(id), keyType: "string", type };
  return kind === "repeated" ? { id: Number(id), rule: "repeated", type } : { id: Number(id), type };
}
