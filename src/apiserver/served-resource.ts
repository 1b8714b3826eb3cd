import { apiVersionOf, type ResourceType, type UnknownObject } from "../api/object.ts";
import type { Conversion, ResourceDefinition } from "../api/resource-definition.ts";
import type { Subject } from "../api/status-error.ts";
import type { Registry } from "./registry.ts";
import type { CachedObject } from "./watch-cache/watch-cache.ts";

/** One resource at one of its paths: a group, a version, and what lies behind. */
export class ServedResource {
  /** As it is served: group, version and kind are the path's. */
  readonly type: ResourceType;
  readonly apiVersion: string;
  readonly definition: ResourceDefinition;
  /** Between this version and the stored one; absent where they are the same. */
  readonly conversion: Conversion | undefined;
  /** Whether objects are stored in this version. */
  readonly isStorageVersion: boolean;
  readonly verbs: readonly string[];
  readonly subresources: ReadonlyMap<string, Subresource>;
  /** For errors. */
  readonly subject: Subject;
  readonly #open: () => Registry;
  #registry: Registry | undefined;

  constructor(options: {
    type: ResourceType;
    definition: ResourceDefinition;
    conversion?: Conversion;
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

  get listKind(): string {
    return `${this.type.kind}List`;
  }

  /** A stored object as this version shows it. Shared or new; don't change it. */
  show(object: UnknownObject): UnknownObject {
    return this.conversion ? this.conversion.fromStorage(object) : object;
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
