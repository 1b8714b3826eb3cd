import type { Expected } from "../api/codec/decode.ts";
import { apiVersionOf, type ResourceType, type UnknownObject } from "../api/object.ts";
import type { Conversion, ResourceDefinition } from "../api/resource-definition.ts";
import { type StructType, schemaOf } from "../api/schema/schema.ts";
import type { CustomSchemas } from "../api/schema/served-resources.ts";
import type { Subject } from "../api/status-error.ts";
import type { Registry } from "./registry.ts";
import type { CachedObject } from "./watch-cache/watch-cache.ts";
import { hasProtobuf } from "./wire-formats.ts";

/** What is particular to a resource that is not built in, in one of its versions. */
export interface CustomServing {
  readonly listKind: string;
  /** The version in which objects are stored, and that goes into the hash that tells of a change. */
  readonly storageVersion: string;
  /** Told to each client, as of a version that is deprecated. */
  readonly warnings: readonly string[];
  readonly schema: StructType;
  /** For the OpenAPI documents. */
  readonly described: Pick<CustomSchemas, "fingerprint" | "selectableFields" | "preservesUnknown" | "schema">;
  /** See Expected.coerce. */
  coerce(object: UnknownObject, unknown: string[] | undefined): void;
  /** An object of another version of the same resource in this one: shared, or new. */
  convert(object: UnknownObject): UnknownObject | Promise<UnknownObject>;
  /** The verbs that discovery names, where some are served for a while only. */
  readonly listedVerbs?: readonly string[];
  /** Loads what requests take that is not there from the start; undefined where nothing is missing. */
  prepare(): Promise<void> | undefined;
}

/** One resource at one of its paths: a group, a version, and what lies behind. */
export class ServedResource {
  /** As it is served: group, version and kind are the path's. */
  readonly type: ResourceType;
  readonly apiVersion: string;
  readonly definition: ResourceDefinition;
  /** Between this version and the stored one; absent where they are the same. */
  readonly conversion: Conversion | undefined;
  /** Absent for built-in resources. */
  readonly custom: CustomServing | undefined;
  /** Whether objects are stored in this version. */
  readonly isStorageVersion: boolean;
  readonly verbs: readonly string[];
  readonly subresources: ReadonlyMap<string, Subresource>;
  /** For errors. */
  readonly subject: Subject;
  readonly #open: () => Registry;
  #registry: Registry | undefined;
  #hasProtobuf: boolean | undefined;

  constructor(options: {
    type: ResourceType;
    definition: ResourceDefinition;
    conversion?: Conversion;
    custom?: CustomServing;
    /** Unless given: where there is no conversion. */
    isStorageVersion?: boolean;
    verbs: readonly string[];
    subresources: readonly Subresource[];
    /** Called on the first use: nothing is read or held for a resource that nobody asks for. */
    open: () => Registry;
  }) {
    this.type = options.type;
    this.apiVersion = apiVersionOf(options.type);
    this.definition = options.definition;
    this.conversion = options.conversion;
    this.custom = options.custom;
    this.isStorageVersion = options.isStorageVersion ?? !options.conversion;
    this.verbs = options.verbs;
    this.subresources = new Map(options.subresources.map((one) => [one.name, one]));
    this.subject = { group: options.type.group, resource: options.type.resource };
    this.#open = options.open;
  }

  /** The engine of the stored resource; shared by all versions. */
  get registry(): Registry {
    this.#registry ??= this.#open();
    return this.#registry;
  }

  /** Whether the engine has been asked for yet. */
  get opened(): boolean {
    return this.#registry !== undefined;
  }

  /** Whether its objects have a protobuf form: built-in ones have. */
  get hasProtobuf(): boolean {
    this.#hasProtobuf ??= !this.custom && hasProtobuf(this.type);
    return this.#hasProtobuf;
  }

  get listKind(): string {
    return this.custom?.listKind ?? `${this.type.kind}List`;
  }

  /** The verbs that discovery names. */
  get listedVerbs(): readonly string[] {
    return this.custom?.listedVerbs ?? this.verbs;
  }

  /** The type of the objects; undefined where nothing is known of it. */
  get schema(): StructType | undefined {
    return this.custom ? this.custom.schema : schemaOf(this.type);
  }

  /** What objects in requests must be. */
  get expected(): Expected {
    const { custom, type } = this;
    if (!custom) return type;
    const { group, version, kind } = type;
    return { group, version, kind, schema: custom.schema, coerce: (object, unknown) => custom.coerce(object, unknown) };
  }

  /** A stored object as this version shows it. Shared or new; don't change it. */
  show(object: UnknownObject): UnknownObject {
    return this.conversion ? this.conversion.fromStorage(object) : object;
  }

  /** An object of a write, as plugins of admission get it, in this version. Shared or new; don't change it. */
  versioned(object: UnknownObject): UnknownObject | Promise<UnknownObject> {
    if (!this.custom) return this.show(object);
    return object.apiVersion === this.apiVersion ? object : this.custom.convert(object);
  }

  /** A cached object as this version shows it. */
  objectOf = (cached: CachedObject): UnknownObject => this.show(cached.object);

  /** An object of this version as it is stored. Takes over a private copy. */
  toStorage(object: UnknownObject): UnknownObject {
    return this.conversion ? this.conversion.toStorage(object) : object;
  }
}

/** What is served below a resource's objects. */
export interface Subresource {
  readonly name: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
  /** The HTTP methods, in lower case, that are passed on to what it connects to; none for others. */
  readonly methods: readonly string[];
  /** How requests to it are answered. */
  readonly role: "part" | "scale" | "create" | "connect";
}
