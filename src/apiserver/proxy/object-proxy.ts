import { endpointSlices, pods, services as serviceType } from "../../api/resource-types.ts";
import { badRequest, notFound, pathNotFound, serviceUnavailable } from "../../api/status-error.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { Random } from "../../base/random.ts";
import type { ResourceRequest } from "../endpoints/resource-request.ts";
import { header, type Reply } from "../http/exchange.ts";
import type { Verbs } from "../resource-endpoints.ts";
import { forward, hostOf, type ProxyTarget } from "./forward.ts";
import { kubeletTarget, type ProxyServices } from "./kubelets.ts";
import { admitConnect } from "./pod-streams.ts";
import { proxiedReply } from "./proxied-page.ts";

/** `pods/proxy`, `services/proxy` and `nodes/proxy`: any HTTP request, on to what the object stands for. */
export function objectProxyEndpoints(proxy: ProxyServices, random: Random): Map<string, Verbs> {
  const all = (target: (request: ResourceRequest, rest: Rest) => Promise<ProxyTarget>, kind: string): Verbs => {
    const endpoint = (request: ResourceRequest) => proxyRequest(request, proxy, target, kind);
    return { get: endpoint, create: endpoint, update: endpoint, patch: endpoint, delete: endpoint, options: endpoint };
  };
  return new Map<string, Verbs>([
    ["pods./proxy", all((request, rest) => podTarget(request, rest, proxy), "PodProxyOptions")],
    ["services./proxy", all((request, rest) => serviceTarget(request, rest, proxy, random), "ServiceProxyOptions")],
    ["nodes./proxy", all((request, rest) => nodeTarget(request, rest, proxy), "NodeProxyOptions")],
  ]);
}

interface Rest {
  readonly scheme: "http" | "https";
  readonly name: string;
  readonly port: string;
  /** After `/proxy`, with the query. */
  readonly path: string;
}

async function proxyRequest(
  request: ResourceRequest,
  proxy: ProxyServices,
  target: (request: ResourceRequest, rest: Rest) => Promise<ProxyTarget>,
  kind: string,
): Promise<Reply> {
  const { url, method } = request.context.request;
  const { scheme, name, port } = splitName(request.name);
  const prefix = pathOfProxy(request);
  const remainder = url.slice(prefix.length);
  await admitConnect(request, { kind, apiVersion: "v1", path: remainder.split("?")[0] });
  // Relative links only work below a directory.
  if (!remainder.startsWith("/") && (method === "GET" || method === "HEAD")) {
    return { status: 301, headers: { location: `${prefix}/${remainder}` } };
  }
  const path = remainder.startsWith("/") ? remainder : `/${remainder}`;
  const where = await target(request, { scheme, name, port, path });
  return forward(proxy.network, where, request.context.request, {
    unavailable: true,
    onReply: (reply) => proxiedReply(reply, { prefix, target: hostOf(where), clientHost: clientHost(request) }),
  });
}

/** The path up to and with `/proxy`, as the client wrote it. Names may look like any part of it, so segments are counted. */
function pathOfProxy({ context, namespace }: ResourceRequest): string {
  const { info, request } = context;
  const segments = (info.group === "" ? 2 : 3) + (namespace === "" ? 0 : 2) + 3;
  const found = new RegExp(`^(?:/+[^/?]+){${segments}}`).exec(request.url);
  // A slash that was percent-encoded separates nothing.
  if (!found) throw pathNotFound();
  return found[0];
}

/** `[scheme:]name[:port]`. Throws a 400. */
function splitName(text: string): { scheme: "http" | "https"; name: string; port: string } {
  const parts = text.split(":");
  const invalid = () => badRequest(`invalid service request ${JSON.stringify(text)}`);
  if (parts.length > 3) throw invalid();
  if (parts.length < 3) return { scheme: "http", name: parts[0] ?? "", port: parts[1] ?? "" };
  const [scheme = "", name = "", port = ""] = parts;
  if (scheme !== "" && scheme !== "http" && scheme !== "https") throw invalid();
  return { scheme: scheme === "https" ? "https" : "http", name, port };
}

async function podTarget(
  { namespace, context }: ResourceRequest,
  { scheme, name, port, path }: Rest,
  { lookup }: ProxyServices,
): Promise<ProxyTarget> {
  const pod = await lookup.get(pods, name, namespace, { fresh: true });
  if (!pod) throw notFound({ resource: "pods" }, name);
  const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP;
  if (!host) throw badRequest("address not allowed");
  return target(scheme, host, podPort(pod, port), path, context.request.method);
}

/** The port named or numbered; the first one of the pod where none is. */
function podPort(pod: Pod, port: string): number {
  if (/^\d+$/.test(port)) return Number(port);
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const found = port === "" ? ports[0] : ports.find(({ name }) => name === port);
  return found?.containerPort ?? 80;
}

async function serviceTarget(
  { namespace, context }: ResourceRequest,
  { scheme, name, port, path }: Rest,
  { lookup }: ProxyServices,
  random: Random,
): Promise<ProxyTarget> {
  const service = await lookup.get(serviceType, name, namespace, { fresh: true });
  if (!service) throw notFound({ resource: "services" }, name);
  const ports = service.spec?.ports ?? [];
  const wanted =
    port === "" && ports.length === 1 ? ports[0] : ports.find((one) => one.name === port || String(one.port) === port);
  if (!wanted)
    throw serviceUnavailable(`no service port ${JSON.stringify(port)} found for service ${JSON.stringify(name)}`);
  const slices = await lookup.list(endpointSlices, { namespace });
  const candidates = slices
    .filter(({ metadata }) => metadata?.labels?.["kubernetes.io/service-name"] === name)
    .flatMap((slice) => {
      const number = slice.ports?.find((one) => (one.name ?? "") === (wanted.name ?? ""))?.port;
      if (!number) return [];
      const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
      return ready.flatMap(({ addresses }) => addresses.map((host) => ({ host, number })));
    });
  const chosen = candidates[Math.floor(random.next() * candidates.length)];
  if (!chosen) throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(name)}`);
  return target(scheme, chosen.host, chosen.number, path, context.request.method);
}

async function nodeTarget(
  { context }: ResourceRequest,
  { name, port, path }: Rest,
  proxy: ProxyServices,
): Promise<ProxyTarget> {
  return kubeletTarget(proxy, name, path, context.request.method, /^\d+$/.test(port) ? Number(port) : undefined);
}

/** Pods and Services have certificates that nobody here can check. */
function target(protocol: "http" | "https", host: string, port: number, path: string, method: string): ProxyTarget {
  return { protocol, host, port, path, method, tls: { verify: false } };
}

/** The server's name as the client used it. */
const clientHost = ({ context: { request } }: ResourceRequest) =>
  header(request, ":authority") ?? header(request, "host");
