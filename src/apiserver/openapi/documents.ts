/** The OpenAPI documents themselves, as functions of what is served. */
import { apiVersionOf } from "../../api/object.ts";
import type { ServedResource } from "../../api/schema/served-resources.ts";
import type { Descriptions } from "./descriptions.ts";
import {
  discoveryPath,
  groupName,
  groupTag,
  groupVersionPath,
  type Operation,
  operationPrefix,
  type PathItem,
  resourcePaths,
  tagOf,
} from "./operations.ts";
import type { Parameter } from "./parameters.ts";
import { Definitions, type JsonSchema, PATCH_NAME, V2, V3 } from "./schemas.ts";

const OBJECT = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const MEDIA: Readonly<Record<Operation["media"], readonly string[]>> = {
  object: OBJECT,
  discovery: OBJECT,
  list: [...OBJECT, "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"],
  log: ["text/plain", ...OBJECT],
  any: ["*/*"],
  json: ["application/json"],
};
const PATCHES = [
  "application/json-patch+json",
  "application/merge-patch+json",
  "application/strategic-merge-patch+json",
  "application/apply-patch+yaml",
];
const PHRASES: Readonly<Record<number, string>> = { 200: "OK", 201: "Created", 202: "Accepted" };

const INFO = { title: "Kubernetes", version: "unversioned" };
const SECURITY = [{ BearerToken: [] }];
const BEARER_TOKEN = {
  BearerToken: { type: "apiKey", name: "authorization", in: "header", description: "Bearer Token authentication" },
};

/** The parts of the OpenAPI v3 document, by the path that each describes: `api/v1`, `apis/apps`, `version`. */
export function partsOf(resources: readonly ServedResource[]): Map<string, PathItem[]> {
  const parts = new Map<string, PathItem[]>([
    ["api", [discoveryPath("/api/", "getCoreAPIVersions", "core", "APIVersions", "discovery")]],
    ["apis", [discoveryPath("/apis/", "getAPIVersions", "apis", "APIGroupList", "discovery")]],
  ]);
  for (const resource of resources) {
    const { group } = resource;
    if (group !== "" && !parts.has(`apis/${group}`)) {
      const id = `get${groupName(group)}APIGroup`;
      parts.set(`apis/${group}`, [discoveryPath(`/apis/${group}/`, id, groupTag(group), "APIGroup", "discovery")]);
    }
    const path = groupVersionPath(resource);
    let items = parts.get(path.slice(1));
    if (!items) {
      const id = `get${operationPrefix(resource)}APIResources`;
      items = [discoveryPath(`${path}/`, id, tagOf(resource), "APIResourceList", "object")];
      parts.set(path.slice(1), items);
    }
    items.push(...resourcePaths(resource));
  }
  parts.set("version", [discoveryPath("/version/", "getCodeVersion", "version", "Info", "json")]);
  return parts;
}

/** The one document of OpenAPI v2. */
export function documentV2(resources: readonly ServedResource[], descriptions?: Descriptions): JsonSchema {
  const definitions = new Definitions(V2, groupVersionsOf(resources), descriptions);
  const shared = new Map<string, JsonSchema>();
  const paths: Record<string, JsonSchema> = {};
  const parameter = (one: Parameter): JsonSchema => {
    const key = `${one.name}-${one.in}-${one.type}`;
    if (!shared.has(key)) {
      const required = one.in === "path" ? { required: true } : {};
      shared.set(key, { uniqueItems: true, type: one.type, name: one.name, in: one.in, ...required });
    }
    return { $ref: `#/parameters/${key}` };
  };
  for (const { path, operations, custom } of [...partsOf(resources).values()].flat()) {
    if (custom) definitions.know(custom);
    const common = commonParameters(operations);
    const item: JsonSchema = {};
    for (const operation of operations) {
      const own = sorted(operation.parameters.filter((one) => !common.includes(one))).map(parameter);
      const body = bodyOf(operation, definitions);
      if (body)
        own.unshift({ name: "body", in: "body", ...(body.required ? { required: true } : {}), schema: body.schema });
      const schema = answerOf(operation, definitions);
      const responses: JsonSchema = {};
      for (const code of operation.codes) responses[code] = { description: PHRASES[code], schema };
      responses[401] = { description: "Unauthorized" };
      item[operation.method] = {
        ...(operation.media === "any" || operation.action
          ? { consumes: consumed(operation) }
          : { consumes: MEDIA[operation.media] }),
        produces: MEDIA[operation.media],
        schemes: ["https"],
        tags: [operation.tag],
        operationId: operation.id,
        ...(own.length > 0 ? { parameters: own } : {}),
        responses,
        ...extensionsOf(operation),
      };
    }
    if (common.length > 0) item.parameters = sorted(common).map(parameter);
    paths[path] = item;
  }
  return {
    swagger: "2.0",
    info: INFO,
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    definitions: definitions.all(),
    parameters: Object.fromEntries([...shared].sort(([a], [b]) => (a < b ? -1 : 1))),
    securityDefinitions: BEARER_TOKEN,
    security: SECURITY,
  };
}

/** One part of OpenAPI v3. */
export function documentV3(items: readonly PathItem[], descriptions?: Descriptions): JsonSchema {
  const definitions = new Definitions(V3, groupVersionsOfPart(items), descriptions);
  const paths: Record<string, JsonSchema> = {};
  const parameter = ({ name, in: place, type }: Parameter): JsonSchema => ({
    name,
    in: place,
    ...(place === "path" ? { required: true } : {}),
    schema: { type, uniqueItems: true },
  });
  for (const { path, operations, custom } of items) {
    if (custom) definitions.know(custom);
    const common = commonParameters(operations);
    const item: JsonSchema = {};
    for (const operation of operations) {
      const own = sorted(operation.parameters.filter((one) => !common.includes(one))).map(parameter);
      const schema = answerOf(operation, definitions);
      const responses: JsonSchema = {};
      for (const code of operation.codes) {
        const content = Object.fromEntries(MEDIA[operation.media].map((type) => [type, { schema }]));
        responses[code] = { description: PHRASES[code], content };
      }
      responses[401] = { description: "Unauthorized" };
      const body = bodyOf(operation, definitions);
      const content = body && Object.fromEntries(consumed(operation).map((type) => [type, { schema: body.schema }]));
      item[operation.method] = {
        tags: [operation.tag],
        operationId: operation.id,
        ...(own.length > 0 ? { parameters: own } : {}),
        ...(body ? { requestBody: { content, ...(body.required ? { required: true } : {}) } } : {}),
        responses,
        ...extensionsOf(operation),
      };
    }
    if (common.length > 0) item.parameters = sorted(common).map(parameter);
    paths[path] = item;
  }
  return {
    openapi: "3.0.0",
    info: INFO,
    paths,
    components: { schemas: definitions.all(), securitySchemes: BEARER_TOKEN },
  };
}

/** Where a part knows the kinds that are known everywhere: in the core group, and in its own version. */
function groupVersionsOfPart(items: readonly PathItem[]): { group: string; version: string }[] {
  const own = /^\/apis\/([^/]+)\/([^/]+)\//.exec(items[0]?.path ?? "");
  const core = { group: "", version: "v1" };
  return own ? [core, { group: own[1]!, version: own[2]! }] : [core];
}

/** The group versions in which every one of them knows `DeleteOptions` and `WatchEvent`: that of the core, and all served. */
function groupVersionsOf(resources: readonly ServedResource[]): { group: string; version: string }[] {
  const all = new Map(resources.map(({ group, version }) => [apiVersionOf({ group, version }), { group, version }]));
  all.set("v1", { group: "", version: "v1" });
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

/** What all operations of a path have, which is stated once. */
function commonParameters(operations: readonly Operation[]): Parameter[] {
  const [first, ...rest] = operations;
  return (first?.parameters ?? []).filter((one) => rest.every(({ parameters }) => parameters.includes(one)));
}

const sorted = (parameters: readonly Parameter[]) =>
  [...parameters].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.in < b.in ? -1 : 1));

function bodyOf({ body }: Operation, definitions: Definitions): { schema: JsonSchema; required: boolean } | undefined {
  if (body === undefined) return undefined;
  if (body === "patch") return { schema: definitions.refToLeaf(PATCH_NAME), required: true };
  if (body === "delete options") {
    return { schema: definitions.refToKind({ group: "", version: "v1", kind: "DeleteOptions" }), required: false };
  }
  return { schema: definitions.refToKind(body), required: true };
}

const answerOf = ({ answer }: Operation, definitions: Definitions): JsonSchema =>
  answer ? definitions.refToKind(answer) : { type: "string" };

const consumed = ({ body }: Operation): readonly string[] => (body === "patch" ? PATCHES : ["*/*"]);

function extensionsOf({ action, kind }: Operation): JsonSchema {
  return {
    ...(action ? { "x-kubernetes-action": action } : {}),
    ...(kind ? { "x-kubernetes-group-version-kind": kind } : {}),
  };
}
