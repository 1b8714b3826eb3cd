/** The query and path parameters of the API's operations. */
export interface Parameter {
  readonly name: string;
  readonly in: "query" | "path";
  readonly type: "string" | "boolean" | "integer";
}

const query = (type: Parameter["type"], ...names: string[]): Parameter[] =>
  names.map((name) => ({ name, in: "query", type }));
const path = (name: string): Parameter => ({ name, in: "path", type: "string" });

export const NAME = path("name");
export const NAMESPACE = path("namespace");
/** What follows the name of a proxied object. */
export const SUBPATH = path("path");
export const [PRETTY] = query("string", "pretty") as [Parameter];

export const LIST: readonly Parameter[] = [
  ...query("boolean", "allowWatchBookmarks", "sendInitialEvents", "watch"),
  ...query("string", "continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch"),
  ...query("string", "shardSelector"),
  ...query("integer", "limit", "timeoutSeconds"),
];
export const WRITE: readonly Parameter[] = query("string", "dryRun", "fieldManager", "fieldValidation");
export const PATCH: readonly Parameter[] = [...WRITE, ...query("boolean", "force")];
export const DELETE: readonly Parameter[] = [
  ...query("string", "dryRun", "propagationPolicy"),
  ...query("boolean", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents"),
  ...query("integer", "gracePeriodSeconds"),
];
export const LOG: readonly Parameter[] = [
  ...query("string", "container", "stream"),
  ...query("boolean", "follow", "insecureSkipTLSVerifyBackend", "previous", "timestamps"),
  ...query("integer", "limitBytes", "sinceSeconds", "tailLines"),
];

const STREAMS = query("boolean", "stderr", "stdin", "stdout", "tty");
/** Those of the subresources that connect, by the kind of their options. */
export const CONNECT: Readonly<Record<string, readonly Parameter[]>> = {
  PodAttachOptions: [...query("string", "container"), ...STREAMS],
  PodExecOptions: [...query("string", "command", "container"), ...STREAMS],
  PodPortForwardOptions: query("integer", "ports"),
  PodProxyOptions: query("string", "path"),
  ServiceProxyOptions: query("string", "path"),
  NodeProxyOptions: query("string", "path"),
};
