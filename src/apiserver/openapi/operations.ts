/**
 * The paths of resources, and what may be done at each, in a form that both OpenAPI versions are written from. Everything
 * follows from the row of a resource: its scope, its verbs and its subresources.
 */
import { apiVersionOf, resourcePath } from "../../api/object.ts";
import type { CustomSchemas, ServedResource, ServedSubresource } from "../../api/schema/served-resources.ts";
import {
  CONNECT,
  DELETE,
  LIST,
  LOG,
  NAME,
  NAMESPACE,
  PATCH,
  type Parameter,
  PRETTY,
  SUBPATH,
  WRITE,
} from "./parameters.ts";

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Operation {
  readonly method: string;
  readonly id: string;
  readonly tag: string;
  readonly action?: string;
  readonly kind?: GroupVersionKind;
  readonly parameters: readonly Parameter[];
  /** What is sent; "delete options" may be left out, a patch is of no certain form. */
  readonly body?: GroupVersionKind | "delete options" | "patch";
  /** The success codes. */
  readonly codes: readonly number[];
  /** What is answered; undefined: any text. */
  readonly answer: GroupVersionKind | undefined;
  readonly media: "object" | "list" | "log" | "any" | "discovery" | "json";
}

export interface PathItem {
  readonly path: string;
  /** Of the custom resource that it is a path of. */
  readonly custom?: CustomSchemas;
  readonly operations: readonly Operation[];
}

const META = { group: "", version: "v1" };
export const STATUS: GroupVersionKind = { ...META, kind: "Status" };
const WATCH_EVENT: GroupVersionKind = { ...META, kind: "WatchEvent" };

/** The paths of one resource. */
export function resourcePaths(resource: ServedResource): PathItem[] {
  const { group, version, kind, listKind, namespaced, verbs } = resource;
  const type: GroupVersionKind = { group, version, kind };
  const scope = namespaced ? "Namespaced" : "";
  const prefix = operationPrefix(resource);
  const inNamespace = namespaced ? [NAMESPACE] : [];
  const has = (verb: string) => verbs.includes(verb);
  const operation = (method: string, id: string, action: string, rest: Rest): Operation => ({
    kind: type,
    media: "object",
    ...rest,
    method,
    id: `${id}`,
    tag: tagOf(resource),
    action,
    parameters: [...rest.parameters, ...inNamespace, PRETTY],
  });
  const list: GroupVersionKind = { group, version, kind: listKind ?? `${kind}List` };
  const listing = { parameters: LIST, codes: [200], answer: list, media: "list" } as const;

  const collection: Operation[] = [];
  if (has("list")) collection.push(operation("get", `list${prefix}${scope}${kind}`, "list", listing));
  if (has("create")) {
    const rest: Rest = { parameters: WRITE, body: type, codes: [200, 201, 202], answer: type };
    collection.push(operation("post", `create${prefix}${scope}${kind}`, "post", rest));
  }
  if (has("deletecollection")) {
    const parameters = [...DELETE, ...LIST.filter(({ name }) => !/^(allowWatchBookmarks|watch)$/.test(name))];
    const rest: Rest = { parameters, body: "delete options", codes: [200], answer: STATUS };
    collection.push(operation("delete", `delete${prefix}Collection${scope}${kind}`, "deletecollection", rest));
  }

  const object: Operation[] = [];
  const part = partOperations(resource, { name: "", kind, group, version, verbs });
  object.push(...part);
  if (has("delete")) {
    const answer = resource.returnsDeleted ? type : STATUS;
    const rest: Rest = { parameters: [...DELETE, NAME], body: "delete options", codes: [200, 202], answer };
    object.push(operation("delete", `delete${prefix}${scope}${kind}`, "delete", rest));
  }

  const base = resourcePath(resource, namespaced ? { namespace: "{namespace}" } : {});
  const at = (path: string) => path.replaceAll("%7B", "{").replaceAll("%7D", "}");
  const items: PathItem[] = [
    { path: at(base), operations: collection },
    { path: at(`${base}/{name}`), operations: object },
  ];
  if (namespaced && has("list")) {
    const everywhere = operation("get", `list${prefix}${kind}ForAllNamespaces`, "list", listing);
    const parameters = everywhere.parameters.filter((one) => one !== NAMESPACE);
    items.push({ path: resourcePath(resource), operations: [{ ...everywhere, parameters }] });
  }
  if (has("watch")) items.push(...watchPaths(resource, items, operation));
  for (const subresource of resource.subresources) items.push(...subresourcePaths(resource, subresource, at(base)));
  const { custom } = resource;
  const served = items.filter(({ operations }) => operations.length > 0);
  return custom ? served.map((item) => ({ ...item, custom })) : served;
}

type Rest = Pick<Operation, "parameters" | "codes" | "answer"> & Partial<Operation>;

/** The old paths below `/watch`, which are still served. */
function watchPaths(
  resource: ServedResource,
  items: readonly PathItem[],
  operation: (method: string, id: string, action: string, rest: Rest) => Operation,
): PathItem[] {
  const { kind, namespaced } = resource;
  const scope = namespaced ? "Namespaced" : "";
  const prefix = operationPrefix(resource);
  const root = resourcePath({ ...resource, resource: "" }).slice(0, -1);
  return items.map(({ path }) => {
    const one = path.endsWith("/{name}");
    const everywhere = namespaced && !path.includes("{namespace}");
    const id = one ? `${scope}${kind}` : everywhere ? `${kind}ListForAllNamespaces` : `${scope}${kind}List`;
    const parameters = one ? [...LIST, NAME] : LIST;
    const rest: Rest = { parameters, codes: [200], answer: WATCH_EVENT, media: "list" };
    const watch = operation("get", `watch${prefix}${id}`, one ? "watch" : "watchlist", rest);
    return {
      path: `${root}/watch${path.slice(root.length)}`,
      operations: [
        everywhere ? { ...watch, parameters: watch.parameters.filter((each) => each !== NAMESPACE) } : watch,
      ],
    };
  });
}

/** Reading, replacing and patching an object or a part of it. */
function partOperations(
  resource: ServedResource,
  part: GroupVersionKind & { name: string; verbs: readonly string[] },
): Operation[] {
  const type: GroupVersionKind = { group: part.group, version: part.version, kind: part.kind };
  const subject = `${operationPrefix(resource)}${resource.namespaced ? "Namespaced" : ""}${resource.kind}${capitalize(part.name)}`;
  const fixed = [NAME, ...(resource.namespaced ? [NAMESPACE] : []), PRETTY];
  const shared = { tag: tagOf(resource), kind: type, answer: type, media: "object" } as const;
  const operations: Operation[] = [];
  if (part.verbs.includes("get")) {
    const isLog = part.name === "log";
    operations.push({
      ...shared,
      method: "get",
      id: `read${subject}`,
      action: "get",
      parameters: [...(isLog ? LOG : []), ...fixed],
      codes: [200],
      answer: isLog ? undefined : type,
      media: isLog ? "log" : "object",
    });
  }
  const write = { ...shared, codes: [200, 201] };
  if (part.verbs.includes("update")) {
    const parameters = [...WRITE, ...fixed];
    operations.push({ ...write, method: "put", id: `replace${subject}`, action: "put", parameters, body: type });
  }
  if (part.verbs.includes("patch")) {
    const parameters = [...PATCH, ...fixed];
    operations.push({ ...write, method: "patch", id: `patch${subject}`, action: "patch", parameters, body: "patch" });
  }
  if (part.name !== "" && part.verbs.includes("create")) {
    const parameters = [...WRITE, ...fixed];
    const codes = [200, 201, 202];
    operations.push({
      ...shared,
      method: "post",
      id: `create${subject}`,
      action: "post",
      parameters,
      codes,
      body: type,
    });
  }
  return operations;
}

function subresourcePaths(resource: ServedResource, subresource: ServedSubresource, base: string): PathItem[] {
  const path = `${base}/{name}/${subresource.name}`;
  if (subresource.connect.length === 0) return [{ path, operations: partOperations(resource, subresource) }];
  const connect = (suffix: string, extra: readonly Parameter[]): Operation[] =>
    subresource.connect.map((method) => ({
      method,
      id: `connect${operationPrefix(resource)}${capitalize(method)}${resource.namespaced ? "Namespaced" : ""}${resource.kind}${capitalize(subresource.name)}${suffix}`,
      tag: tagOf(resource),
      action: "connect",
      kind: { group: subresource.group, version: subresource.version, kind: subresource.kind },
      parameters: [...(CONNECT[subresource.kind] ?? []), ...extra, NAME, ...(resource.namespaced ? [NAMESPACE] : [])],
      codes: [200],
      answer: undefined,
      media: "any",
    }));
  const items: PathItem[] = [{ path, operations: connect("", []) }];
  if (subresource.subpath) items.push({ path: `${path}/{path}`, operations: connect("WithPath", [SUBPATH]) });
  return items;
}

/** The discovery documents of a group version, of a group, of all. */
export function discoveryPath(
  path: string,
  id: string,
  tag: string,
  kind: string,
  media: "object" | "discovery" | "json",
): PathItem {
  const answer = { ...META, kind };
  return { path, operations: [{ method: "get", id, tag, parameters: [], codes: [200], answer, media }] };
}

/** `CoreV1`, `RbacAuthorizationV1`. */
export function operationPrefix(type: { group: string; version: string }): string {
  return groupName(type.group) + capitalize(type.version);
}

/** `Core`, `Apps`, `RbacAuthorization`. */
export function groupName(group: string): string {
  if (group === "") return "Core";
  return group
    .replace(/\.k8s\.io$/, "")
    .split(".")
    .map(capitalize)
    .join("");
}

/** `core_v1`, `rbacAuthorization_v1`. */
export function tagOf(type: { group: string; version: string }): string {
  return `${groupTag(type.group)}_${type.version}`;
}
export const groupTag = (group: string): string => {
  const name = groupName(group);
  return name[0]!.toLowerCase() + name.slice(1);
};

/** The path of a group version, such as `/apis/apps/v1`. */
export const groupVersionPath = (type: { group: string; version: string }): string =>
  `${type.group === "" ? "/api" : "/apis"}/${apiVersionOf(type)}`;

const capitalize = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
