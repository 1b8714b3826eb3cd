import { parseApiVersion } from "../../api/object.ts";
import { type StructType, schemaOf, struct } from "../../api/schema/schema.ts";
import { isNotFound } from "../../api/status-error.ts";
import { ruleType } from "../../api/structural/rule-type.ts";
import { field } from "../../api/structural/schema-type.ts";
import type { Schema } from "../../api/structural/structural.ts";
import type { ParamKind } from "../../api/types/admissionregistration.v1.ts";
import type { APIResourceList } from "../../api/types/meta.v1.ts";
import type { Client } from "../../client/client.ts";
import type { GroupVersionResource, Kind, TypedKind } from "./type-check.ts";

/** What the server publishes of its kinds: by discovery, and for those that are not built in by OpenAPI. */
export class PublishedTypes {
  readonly #client: Client;
  readonly #signal: AbortSignal;

  constructor(client: Client, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** The kind of a resource, with its type; undefined where it is not served, or nothing is published of it. */
  async kindOf({ group, version, resource }: GroupVersionResource): Promise<TypedKind | undefined> {
    const prefix = group === "" ? "/api" : `/apis/${group}`;
    const list = await this.#read<APIResourceList>(`${prefix}/${version}`);
    const found = list?.resources.find(({ name }) => name === resource);
    return found && this.#typed({ group, version, kind: found.kind });
  }

  /** The type of the parameters of a policy. */
  async paramsOf({ apiVersion = "", kind = "" }: ParamKind): Promise<StructType | undefined> {
    const { group, version } = parseApiVersion(apiVersion);
    return (await this.#typed({ group, version, kind }))?.type;
  }

  async #typed(kind: Kind): Promise<TypedKind | undefined> {
    const type = schemaOf(kind) ?? (await this.#custom(kind));
    return type && { ...kind, type };
  }

  async #custom({ group, version, kind }: Kind): Promise<StructType | undefined> {
    const document = await this.#read<OpenApi>(`/openapi/v3/apis/${group}/${version}`);
    const schema = Object.values(document?.components?.schemas ?? {}).find((one) =>
      one["x-kubernetes-group-version-kind"]?.some((gvk) => gvk.kind === kind && gvk.group === group),
    );
    return schema && resourceType(schema);
  }

  async #read<T>(path: string): Promise<T | undefined> {
    try {
      return await this.#client.raw<T>(path, { signal: this.#signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

type PublishedSchema = Schema & { readonly "x-kubernetes-group-version-kind"?: readonly Kind[] };
interface OpenApi {
  readonly components?: { readonly schemas?: Readonly<Record<string, PublishedSchema>> };
}

/** The type of a custom resource as policies see it: with all of its metadata. */
function resourceType(schema: Schema): StructType | undefined {
  const type = ruleType(schema, true);
  if (type?.kind !== "struct") return undefined;
  const metadata = field("metadata", struct("meta.v1.ObjectMeta"), false);
  return { kind: "struct", name: "", atomic: false, fields: new Map([...type.fields, ["metadata", metadata]]) };
}
