import { apiVersionOf, type KubeList, type KubeObject, type ResourceType, type UnknownObject } from "../api/object.ts";
import { servedResources } from "../api/schema/served-resources.ts";
import type { Kinds } from "../api/types/kinds.ts";
import type { APIResourceList, DeleteOptions, Status } from "../api/types/meta.v1.ts";
import type {
  Client,
  ListOptions,
  PatchType,
  RequestOptions,
  ResourceClient,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./client.ts";

/** `v1/Pod`, `apps/v1/Deployment`: the key of a built-in kind in Kinds. */
type KindKey<A extends string, K extends string> = `${A}/${K}`;
/** The type of the objects of a kind; of those that are not built in only what all objects have is known. */
export type ObjectOf<A extends string, K extends string> =
  KindKey<A, K> extends keyof Kinds ? Kinds[KindKey<A, K>] : UnknownObject;

/** Names objects of a kind. */
export interface KindReference<A extends string = string, K extends string = string> {
  readonly apiVersion: A;
  readonly kind: K;
  /** Of one object, or of the objects of a list (absent: all namespaces). */
  readonly namespace?: string;
}
export interface ObjectReference<A extends string = string, K extends string = string> extends KindReference<A, K> {
  readonly name: string;
}

/**
 * The API by apiVersion and kind instead of by resource: for code that is given objects, and for custom kinds. Built-in
 * kinds are known and typed; others are looked up in the server's discovery when they are first named.
 */
export interface ObjectClient {
  /** Creates `object` in its namespace; one of a namespaced kind that names none is created in `default`. */
  create<T extends KubeObject>(object: T, options?: WriteOptions): Promise<T>;
  get<A extends string, K extends string>(
    reference: ObjectReference<A, K>,
    options?: RequestOptions,
  ): Promise<ObjectOf<A, K>>;
  /** Undefined where there is none. */
  find<A extends string, K extends string>(
    reference: ObjectReference<A, K>,
    options?: RequestOptions,
  ): Promise<ObjectOf<A, K> | undefined>;
  list<A extends string, K extends string>(
    reference: KindReference<A, K>,
    options?: Omit<ListOptions, "namespace">,
  ): Promise<KubeList<ObjectOf<A, K>>>;
  watch<A extends string, K extends string>(
    reference: KindReference<A, K>,
    options?: Omit<WatchOptions, "namespace">,
  ): AsyncIterable<WatchEvent<ObjectOf<A, K>>>;
  update<T extends KubeObject>(object: T, options?: WriteOptions): Promise<T>;
  updateStatus<T extends KubeObject>(object: T, options?: WriteOptions): Promise<T>;
  patch<A extends string, K extends string>(
    reference: ObjectReference<A, K>,
    type: PatchType,
    patch: unknown,
    options?: WriteOptions & { subresource?: string },
  ): Promise<ObjectOf<A, K>>;
  /** Server-side apply. */
  apply<T extends KubeObject>(
    object: T,
    options: WriteOptions & { fieldManager: string; force?: boolean; subresource?: string },
  ): Promise<T>;
  delete(reference: ObjectReference, options?: DeleteOptions & RequestOptions): Promise<UnknownObject | Status>;
  /** The verbs on one resource. */
  resource<T extends KubeObject>(type: ResourceType<T>, view?: { metadataOnly?: boolean }): ResourceClient<T>;
  /** The resource of a kind. Rejects with an UnknownKindError. */
  resourceType(apiVersion: string, kind: string): Promise<ResourceType>;
  raw: Client["raw"];
}

/** There is no such kind, neither built in nor in what the server serves. */
export class UnknownKindError extends Error {
  constructor(apiVersion: string, kind: string) {
    super(
      `the server serves no kind ${kind} in ${apiVersion}: check the spelling, or create its CustomResourceDefinition`,
    );
    this.name = "UnknownKindError";
  }
}

let builtIn: ReadonlyMap<string, ResourceType> | undefined;

function builtInType(apiVersion: string, kind: string): ResourceType | undefined {
  builtIn ??= new Map(
    servedResources(true).map(({ group, version, resource, kind, namespaced }) => [
      `${apiVersionOf({ group, version })}/${kind}`,
      { group, version, resource, kind, namespaced },
    ]),
  );
  return builtIn.get(`${apiVersion}/${kind}`);
}

/** An ObjectClient over `client`. */
export function objectClient(client: Client): ObjectClient {
  const discovered = new Map<string, ResourceType>();
  const discover = async (apiVersion: string, kind: string): Promise<ResourceType> => {
    const key = `${apiVersion}/${kind}`;
    const known = discovered.get(key);
    if (known) return known;
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const list = await client.raw<APIResourceList>(path).catch((error) => {
      if ((error as { code?: number }).code === 404) return undefined;
      throw error;
    });
    const found = list?.resources.find((one) => one.kind === kind && !one.name.includes("/"));
    if (!found) throw new UnknownKindError(apiVersion, kind);
    const type = { group, version, resource: found.name, kind, namespaced: found.namespaced };
    discovered.set(key, type);
    return type;
  };
  const typeOf = async (apiVersion: string | undefined, kind: string | undefined): Promise<ResourceType> => {
    if (!apiVersion || !kind) throw new TypeError("an object needs apiVersion and kind");
    return builtInType(apiVersion, kind) ?? discover(apiVersion, kind);
  };
  const verbs = async <T extends KubeObject>({ apiVersion, kind }: { apiVersion?: string; kind?: string }) => {
    const type = await typeOf(apiVersion, kind);
    return client.resource<T>(type as unknown as ResourceType<T>);
  };
  /** The object with the namespace that it goes to. */
  const placed = <T extends KubeObject>(object: T, { namespaced }: { namespaced: boolean }): T => {
    if (!namespaced || object.metadata?.namespace) return object;
    return { ...object, metadata: { ...object.metadata, namespace: "default" } };
  };
  const namespaceOf = (reference: KindReference, { namespaced }: { namespaced: boolean }): string | undefined =>
    namespaced ? (reference.namespace ?? "default") : undefined;

  const get = async <A extends string, K extends string>(
    reference: ObjectReference<A, K>,
    options?: RequestOptions,
  ) => {
    const resource = await verbs<ObjectOf<A, K> & KubeObject>(reference);
    return resource.get(reference.name, namespaceOf(reference, resource.type), options);
  };
  return {
    async create<T extends KubeObject>(object: T, options?: WriteOptions) {
      const resource = await verbs<T>(object);
      return resource.create(placed(object, resource.type), options);
    },
    get,
    find: (reference, options) =>
      get(reference, options).catch((error) => {
        if ((error as { code?: number }).code === 404) return undefined;
        throw error;
      }),
    async list<A extends string, K extends string>(reference: KindReference<A, K>, options = {}) {
      const resource = await verbs<ObjectOf<A, K> & KubeObject>(reference);
      const { namespace } = reference;
      return resource.list(namespace === undefined ? options : { ...options, namespace });
    },
    async *watch<A extends string, K extends string>(reference: KindReference<A, K>, options = {}) {
      const resource = await verbs<ObjectOf<A, K> & KubeObject>(reference);
      const { namespace } = reference;
      yield* resource.watch(namespace === undefined ? options : { ...options, namespace });
    },
    async update<T extends KubeObject>(object: T, options?: WriteOptions) {
      const resource = await verbs<T>(object);
      return resource.update(placed(object, resource.type), options);
    },
    async updateStatus<T extends KubeObject>(object: T, options?: WriteOptions) {
      const resource = await verbs<T>(object);
      return resource.updateStatus(placed(object, resource.type), options);
    },
    async patch<A extends string, K extends string>(
      reference: ObjectReference<A, K>,
      type: PatchType,
      patch: unknown,
      options?: WriteOptions & { subresource?: string },
    ) {
      const resource = await verbs<ObjectOf<A, K> & KubeObject>(reference);
      return resource.patch(reference.name, namespaceOf(reference, resource.type), type, patch, options);
    },
    async apply<T extends KubeObject>(
      object: T,
      options: WriteOptions & { fieldManager: string; force?: boolean; subresource?: string },
    ) {
      const resource = await verbs<T>(object);
      return resource.apply(placed(object, resource.type), options);
    },
    async delete(reference, options) {
      const resource = await verbs<UnknownObject>(reference);
      return resource.delete(reference.name, namespaceOf(reference, resource.type), options);
    },
    resource: (type, view) => client.resource(type, view),
    resourceType: typeOf,
    raw: client.raw,
  };
}
