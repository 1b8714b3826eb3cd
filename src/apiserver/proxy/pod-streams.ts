import type { UnknownObject } from "../../api/object.ts";
import { pods } from "../../api/resource-types.ts";
import { badRequest, invalid, notFound } from "../../api/status-error.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Authorizer } from "../authorization.ts";
import type { ResourceRequest } from "../endpoints/resource-request.ts";
import { writeRequest } from "../endpoints/write-options.ts";
import { refusal, requestAttributes } from "../filters/authorization.ts";
import type { ApiRequest, Reply } from "../http/exchange.ts";
import { overWebSocket, wantsWebSocket } from "../http/web-socket.ts";
import { admit, validateAdmission } from "../registry/admission-chain.ts";
import { queryFlag } from "../request-info.ts";
import type { Verbs } from "../resource-endpoints.ts";
import { forward } from "./forward.ts";
import { kubeletTarget, type ProxyServices } from "./kubelets.ts";

/** `pods/log`, `exec`, `attach` and `portforward`: streams between the client and the pod's kubelet. */
export function podStreamEndpoints(proxy: ProxyServices, authorizer: Authorizer): Map<string, Verbs> {
  const both = (endpoint: (request: ResourceRequest) => Promise<Reply>): Verbs => ({ get: endpoint, create: endpoint });
  return new Map<string, Verbs>([
    ["pods./log", { get: (request) => podLog(request, proxy) }],
    ["pods./exec", both((request) => stream(request, proxy, authorizer, "exec"))],
    ["pods./attach", both((request) => stream(request, proxy, authorizer, "attach"))],
    ["pods./portforward", both((request) => stream(request, proxy, authorizer, "portForward"))],
  ]);
}

const LOG_PARAMETERS = [
  "follow",
  "previous",
  "timestamps",
  "sinceSeconds",
  "sinceTime",
  "tailLines",
  "limitBytes",
  "stream",
];

/** The forms of a log in a WebSocket: clients that can't read binary messages may have Base64. */
const LOG_FORMS = { "": "binary", "binary.k8s.io": "binary", "base64.binary.k8s.io": "base64" } as const;

async function podLog(request: ResourceRequest, proxy: ProxyServices): Promise<Reply> {
  const asked = request.context.request;
  if (!wantsWebSocket(asked)) return plainLog(request, proxy, asked);
  // The kubelet serves logs over HTTP alone.
  const reply = await plainLog(request, proxy, { ...asked, signal: asked.signal, upgradable: false });
  return overWebSocket(asked, reply, LOG_FORMS, { greeting: true });
}

async function plainLog(request: ResourceRequest, proxy: ProxyServices, asked: ApiRequest): Promise<Reply> {
  const { query } = asked;
  checkLogOptions(query);
  const pod = await findPod(request, proxy);
  const container = containerOf(pod, query.get("container") ?? "");
  const node = pod.spec?.nodeName;
  // A pod without a node has no log yet.
  if (!node) return { status: 200, headers: { "content-type": "text/plain" }, body: new Uint8Array() };
  const parameters = new URLSearchParams();
  for (const name of LOG_PARAMETERS) {
    const value = query.get(name);
    if (value === null) continue;
    if (name === "follow" || name === "previous" || name === "timestamps") {
      if (queryFlag(query, name)) parameters.set(name, "true");
    } else parameters.set(name, value);
  }
  const path = `/containerLogs/${podPath(pod)}/${encodeURIComponent(container)}?${parameters}`;
  const target = await kubeletTarget(proxy, node, path, "GET");
  const insecure = queryFlag(query, "insecureSkipTLSVerifyBackend");
  const tls = insecure ? { ...target.tls, verify: false, cert: undefined, key: undefined } : target.tls;
  return forward(proxy.network, { ...target, tls: tls as typeof target.tls }, asked);
}

/** PodLogOptions that go together. Throws a 422. */
function checkLogOptions(query: URLSearchParams): void {
  const errors: { reason: string; field: string; message: string }[] = [];
  const bad = (field: string, value: string, detail: string) =>
    errors.push({ reason: "FieldValueInvalid", field, message: `Invalid value: ${value}: ${detail}` });
  const number = (name: string) => {
    const value = query.get(name);
    if (value && !/^-?\d+$/.test(value)) {
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    }
    return value ? Number(value) : undefined;
  };
  const tail = number("tailLines");
  const limit = number("limitBytes");
  const seconds = number("sinceSeconds");
  if (tail !== undefined && tail < 0) bad("tailLines", String(tail), "must be greater than or equal to 0");
  if (limit !== undefined && limit < 1) bad("limitBytes", String(limit), "must be greater than 0");
  if (seconds !== undefined && query.get("sinceTime")) {
    errors.push({
      reason: "FieldValueForbidden",
      field: "",
      message: "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
    });
  } else if (seconds !== undefined && seconds < 1) bad("sinceSeconds", String(seconds), "must be greater than 0");
  if (errors.length > 0) throw invalid({ group: "", kind: "PodLogOptions" }, "", errors);
}

type StreamPath = "exec" | "attach" | "portForward";
const OPTION_KINDS: Record<StreamPath, string> = {
  exec: "PodExecOptions",
  attach: "PodAttachOptions",
  portForward: "PodPortForwardOptions",
};

async function stream(
  request: ResourceRequest,
  proxy: ProxyServices,
  authorizer: Authorizer,
  kind: StreamPath,
): Promise<Reply> {
  const { context, name } = request;
  const { query } = context.request;
  await requireCreate(request, authorizer);
  const pod = await findPod(request, proxy);
  const options = { kind: OPTION_KINDS[kind], apiVersion: "v1", ...streamOptions(query, kind) };
  await admitConnect(request, options);
  let path = `/${kind}/${podPath(pod)}`;
  const parameters = new URLSearchParams();
  if (kind === "portForward") {
    for (const port of query.getAll("ports").flatMap((value) => value.split(","))) parameters.append("port", port);
  } else {
    const phase = pod.status?.phase;
    if (phase === "Succeeded" || phase === "Failed") {
      throw badRequest(
        `cannot ${kind === "exec" ? "exec into" : "attach to"} a container in a completed pod; current phase is ${phase}`,
      );
    }
    path += `/${encodeURIComponent(containerOf(pod, query.get("container") ?? ""))}`;
    for (const [ours, theirs] of STREAM_FLAGS) if (queryFlag(query, ours)) parameters.set(theirs, "1");
    for (const part of query.getAll("command")) parameters.append("command", part);
  }
  const node = pod.spec?.nodeName;
  if (!node) throw badRequest(`pod ${name} does not have a host assigned`);
  const text = parameters.toString();
  const target = await kubeletTarget(proxy, node, text ? `${path}?${text}` : path, context.request.method);
  return forward(proxy.network, target, context.request, { upgradeRequired: true });
}

const STREAM_FLAGS = [
  ["stdin", "input"],
  ["stdout", "output"],
  ["stderr", "error"],
  ["tty", "tty"],
] as const;

function streamOptions(query: URLSearchParams, kind: StreamPath): Record<string, unknown> {
  if (kind === "portForward") return { ports: query.getAll("ports").map(Number) };
  const options: Record<string, unknown> = {};
  for (const [name] of STREAM_FLAGS) if (queryFlag(query, name)) options[name] = true;
  const container = query.get("container");
  if (container) options["container"] = container;
  if (kind === "exec") options["command"] = query.getAll("command");
  return options;
}

/** A WebSocket comes as a GET, but does what a POST does: the right to read a pod must not be enough for it. */
async function requireCreate({ context }: ResourceRequest, authorizer: Authorizer): Promise<void> {
  if (context.info.verb !== "get") return;
  const attributes = { ...requestAttributes(context.info, context.user, context.request.query), verb: "create" };
  const { decision, reason } = await authorizer.authorize(attributes);
  if (decision !== "allow") throw refusal(attributes, reason);
}

/** Admission of a connection; `options` is what upstream shows the plugins as the object. */
export async function admitConnect(request: ResourceRequest, options: UnknownObject): Promise<void> {
  const { resource, subresource, namespace, name, services, context } = request;
  const write = writeRequest(request, {}, false);
  const attributes = {
    operation: "CONNECT" as const,
    type: resource.type,
    kind: { group: "", version: "v1", kind: String(options.kind) },
    subresource: subresource?.name,
    namespace: namespace || undefined,
    name,
    object: options,
    options: {},
    dryRun: false,
    user: context.user,
    warn: (text: string) => write.warn(text),
    annotate: write.annotate,
    signal: write.signal,
  };
  await admit(services.admission, attributes);
  await validateAdmission(services.admission, attributes);
}

async function findPod({ name, namespace }: ResourceRequest, { lookup }: ProxyServices): Promise<Pod> {
  const pod = await lookup.get(pods, name, namespace, { fresh: true });
  if (!pod) throw notFound({ resource: "pods" }, name);
  return pod;
}

const podPath = ({ metadata }: Pod) =>
  `${encodeURIComponent(metadata?.namespace ?? "")}/${encodeURIComponent(metadata?.name ?? "")}`;

const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

/** The container that is meant: the one named, or the only one. Throws a 400. */
export function containerOf(pod: Pod, wanted: string): string {
  const { name = "" } = pod.metadata ?? {};
  const names = (pod.spec?.containers ?? []).map((container) => container.name);
  const initNames = (pod.spec?.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) => container.name);
  if (wanted !== "") {
    if ([...names, ...initNames, ...ephemeral].includes(wanted)) return wanted;
    throw badRequest(`container ${wanted} is not valid for pod ${name}`);
  }
  const marked = pod.metadata?.annotations?.[DEFAULT_CONTAINER];
  if (names.length === 1) return names[0]!;
  if (marked && names.includes(marked)) return marked;
  if (names.length === 0) throw badRequest(`a container name must be specified for pod ${name}`);
  const init = initNames.length > 0 ? ` or one of the init containers: [${initNames.join(" ")}]` : "";
  throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${names.join(" ")}]${init}`);
}
