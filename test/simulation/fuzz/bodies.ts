import { encodeObject, hasMessage } from "../../../src/api/codec/protobuf/protobuf.ts";
import type { UnknownObject } from "../../../src/api/object.ts";
import { type StructType, schemaOf, type Type } from "../../../src/api/schema/schema.ts";
import { cloneJson } from "../../../src/base/clone.ts";
import { stringify } from "../../../src/base/yaml.ts";
import type { Choice } from "./choice.ts";
import { SEED_BODIES } from "./seeds.ts";

type Json = Record<string, unknown>;
interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly resource: string;
}

/** Objects: valid ones, ones made from the schema, and what comes of changing them. */
export class Bodies {
  readonly #choice: Choice;

  constructor(choice: Choice) {
    this.#choice = choice;
  }

  /** An object to be sent: often valid, nearly always of the right kind. */
  object(type: Kind, name: string | undefined): Json {
    const choice = this.#choice;
    const seeds = SEED_BODIES[`${type.resource}.${type.group}`];
    const schema = schemaOf(type);
    const from = seeds && choice.chance(0.85) ? cloneJson(choice.pick(seeds)) : this.#made(schema);
    const object: Json = {
      apiVersion: type.group ? `${type.group}/${type.version}` : type.version,
      kind: type.kind,
      ...from,
    };
    const metadata: Json = { ...((object["metadata"] as Json | undefined) ?? {}) };
    if (name !== undefined) metadata["name"] ??= name;
    else if (choice.chance(0.5)) metadata["generateName"] = "g-";
    if (choice.chance(0.2)) metadata["labels"] = { app: choice.name(), [choice.text()]: choice.text() };
    if (choice.chance(0.1)) metadata["finalizers"] = [choice.pick(["example.com/f", "kubernetes", choice.text()])];
    if (choice.chance(0.1)) metadata["annotations"] = { [choice.text()]: choice.text() };
    if (choice.chance(0.05)) metadata["resourceVersion"] = choice.text();
    if (choice.chance(0.05)) metadata["managedFields"] = choice.value();
    if (choice.chance(0.05))
      metadata["ownerReferences"] = [{ apiVersion: "v1", kind: "Pod", name: "a", uid: choice.text() }];
    object["metadata"] = metadata;
    for (let times = choice.pick([0, 0, 1, 1, 2, 5]); times > 0; times--) this.mutate(object, schema);
    return object;
  }

  #made(schema: StructType | undefined): Json {
    if (!schema) return {};
    const { apiVersion: _, kind: _kind, metadata: _metadata, ...rest } = this.#ofType(schema, 0) as Json;
    return rest;
  }

  /** A value of the type, as the schema has it; whether it makes sense is another matter. */
  #ofType(type: Type, depth: number): unknown {
    const choice = this.#choice;
    switch (type.kind) {
      case "struct": {
        const object: Json = {};
        for (const field of type.fields.values()) {
          if (!choice.chance(field.required ? 0.95 : depth > 5 ? 0.02 : 0.25)) continue;
          object[field.name] =
            field.enum && choice.chance(0.8) ? choice.pick(field.enum) : this.#ofType(field.type, depth + 1);
        }
        return object;
      }
      case "list":
        return Array.from({ length: choice.below(3) }, () => this.#ofType(type.items, depth + 1));
      case "map":
        return Object.fromEntries(
          Array.from({ length: choice.below(3) }, () => [
            choice.text().slice(0, 80),
            this.#ofType(type.values, depth + 1),
          ]),
        );
      case "opaque":
        return choice.value();
      case "scalar":
        return this.#scalar(type.scalar);
    }
  }

  #scalar(scalar: string): unknown {
    const choice = this.#choice;
    switch (scalar) {
      case "boolean":
        return choice.chance(0.5);
      case "int32":
      case "int64":
      case "double":
        return choice.number();
      case "quantity":
        return choice.pick(["1", "100m", "1Gi", "-1", "1e3", "0.0001", "9223372036854775807", "1.5Ki", choice.text()]);
      case "time":
        return choice.pick(["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+01:00", choice.text()]);
      case "microTime":
        return choice.pick(["2026-01-02T03:04:05.000001Z", choice.text()]);
      case "bytes":
        return choice.pick(["", "AAE=", "QQ", choice.text()]);
      case "intOrString":
        return choice.chance(0.5) ? choice.number() : choice.pick(["50%", "-1%", "http", choice.text()]);
      default:
        return choice.text();
    }
  }

  /** Changes one thing somewhere inside. */
  mutate(root: Json, schema: Type | undefined): void {
    const choice = this.#choice;
    let object: Json | unknown[] = root;
    let type: Type | undefined = schema;
    for (let depth = choice.below(8); depth > 0; depth--) {
      const keys = Object.keys(object);
      if (keys.length === 0) break;
      const key = choice.pick(keys);
      const inner = (object as Json)[key];
      if (typeof inner !== "object" || inner === null) break;
      type = inside(type, key);
      object = inner as Json;
    }
    const keys = Object.keys(object);
    const key = keys.length > 0 ? choice.pick(keys) : choice.text();
    const known = type?.kind === "struct" && choice.chance(0.7) ? choice.pick([...type.fields.keys()]) : choice.text();
    switch (choice.below(7)) {
      case 0:
        if (Array.isArray(object)) object.splice(Number(key), 1);
        else delete object[key];
        return;
      case 1:
        (object as Json)[key] = choice.value();
        return;
      case 2:
        (object as Json)[key] = null;
        return;
      case 3:
        if (Array.isArray(object)) object.push(cloneJson(object[choice.below(object.length)] ?? choice.value()));
        else define(object, known, choice.value());
        return;
      case 4: {
        const inner = inside(type, known);
        if (!Array.isArray(object)) define(object, known, inner ? this.#ofType(inner, 3) : choice.value());
        return;
      }
      case 5:
        (object as Json)[key] = choice.text();
        return;
      default:
        (object as Json)[key] = choice.number();
    }
  }

  /** The bytes of an object in some form; `type` is what the Content-Type should say. */
  bytes(object: Json): { bytes: Buffer; type: string } {
    const choice = this.#choice;
    const form = choice.weighted({ json: 70, yaml: 8, protobuf: 12, broken: 8, noise: 2 });
    if (form === "yaml") return { bytes: Buffer.from(stringify(object)), type: "application/yaml" };
    if (form === "protobuf") return { bytes: this.#protobuf(object), type: "application/vnd.kubernetes.protobuf" };
    if (form === "noise") return { bytes: choice.bytes(choice.below(200)), type: choice.pick(BODY_TYPES) };
    const text = JSON.stringify(object);
    if (form === "json") return { bytes: Buffer.from(text), type: "application/json" };
    return {
      bytes: this.#broken(text),
      type: choice.pick(["application/json", "application/json", "application/yaml"]),
    };
  }

  #broken(text: string): Buffer {
    const choice = this.#choice;
    const at = choice.below(text.length);
    switch (choice.below(8)) {
      case 0:
        return Buffer.from(text.slice(0, at));
      case 1:
        return Buffer.from(`${text.slice(0, at)}${choice.text()}${text.slice(at)}`);
      case 2:
        return Buffer.from(`{"metadata":{"name":"a","name":"b"},${text.slice(1)}`);
      case 3:
        return Buffer.from(`${"[".repeat(5000)}${"]".repeat(5000)}`);
      case 4:
        return Buffer.from(`${text.slice(0, -1)},"x":${'{"a":'.repeat(3000)}1${"}".repeat(3001)}`);
      case 5:
        return Buffer.concat([Buffer.from("\ufeff"), Buffer.from(text)]);
      case 6:
        return Buffer.concat([Buffer.from(text.slice(0, at)), choice.bytes(4), Buffer.from(text.slice(at))]);
      default:
        return Buffer.from(text.replace(/\d+/, "1e999"));
    }
  }

  #protobuf(object: Json): Buffer {
    const choice = this.#choice;
    let bytes: Buffer;
    try {
      const { apiVersion, kind } = object as UnknownObject;
      bytes = hasMessage(apiVersion ?? "", kind ?? "") ? Buffer.from(encodeObject(object)) : choice.bytes(60);
    } catch {
      // What a mutation left can't always be written.
      bytes = Buffer.concat([Buffer.from("k8s\0"), choice.bytes(60)]);
    }
    const at = choice.below(bytes.length);
    switch (choice.below(6)) {
      case 0:
        return bytes.subarray(0, at);
      case 1:
        bytes[at]! ^= 1 << choice.below(8);
        return bytes;
      case 2:
        return Buffer.concat([bytes.subarray(0, at), choice.bytes(1 + choice.below(8)), bytes.subarray(at)]);
      case 3:
        return Buffer.concat([Buffer.from("k8s\0"), nested(2000)]);
      default:
        return bytes;
    }
  }
}

export const BODY_TYPES = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/json; charset=utf-8",
  "application/vnd.kubernetes.protobuf;stream=watch",
  "text/plain",
  "application/x-www-form-urlencoded",
  "*/*",
  ";",
  "application/json;;;=",
];

/** A message inside a message, and so on. */
function nested(depth: number): Buffer {
  let bytes = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    const length: number[] = [];
    let rest = bytes.length;
    for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
    bytes = Buffer.concat([Buffer.from([0x12, ...length, rest]), bytes]);
  }
  return bytes;
}

function inside(type: Type | undefined, key: string): Type | undefined {
  if (type?.kind === "struct") return type.fields.get(key)?.type;
  if (type?.kind === "list") return type.items;
  return type?.kind === "map" ? type.values : undefined;
}

/** Also for keys that mean something to JavaScript. */
function define(object: Json, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
