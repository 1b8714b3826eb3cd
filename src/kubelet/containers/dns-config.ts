import type { Pod, PodDNSConfig } from "../../api/types/core.v1.ts";
import type { Files } from "../../base/files.ts";
import { describePod, podNamespace } from "../pod/pod.ts";

/** What a resolv.conf holds. */
export interface ResolverConfig {
  servers: string[];
  searches: string[];
  options: string[];
}
export interface DnsSettings {
  /** The addresses of the cluster's DNS; none: pods fall back to the node's. */
  clusterDns: readonly string[];
  clusterDomain: string;
  /** The node's own resolv.conf. */
  host: ResolverConfig;
}
export interface DnsResult {
  config: ResolverConfig;
  /** Things to tell the user by event, as reason and message. */
  warnings: { reason: string; message: string }[];
}

const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARACTERS = 2048;
const CLUSTER_OPTIONS = ["ndots:5"];

/** Parses the text of a resolv.conf. */
export function parseResolvConf(text: string): ResolverConfig {
  const config: ResolverConfig = { servers: [], searches: [], options: [] };
  for (const raw of text.split("\n")) {
    const line = raw.trim();
    if (line.startsWith("#") || line.startsWith(";")) continue;
    const [keyword, ...fields] = line.split(/\s+/);
    if (keyword === "nameserver" && fields[0]) config.servers.push(fields[0]);
    // The last of several search lines is the one that counts.
    else if (keyword === "search")
      config.searches = fields.map((search) => (search === "." ? search : search.replace(/\.$/, "")));
    else if (keyword === "options") config.options.push(...fields);
  }
  return config;
}

/** The resolver configuration of a pod by its `dnsPolicy` and `dnsConfig`. */
export function podDns(pod: Pod, settings: DnsSettings): DnsResult {
  const warnings: DnsResult["warnings"] = [];
  const policy = pod.spec?.dnsPolicy ?? "ClusterFirst";
  const hostNetwork = pod.spec?.hostNetwork ?? false;
  const useCluster = policy === "ClusterFirstWithHostNet" || (policy === "ClusterFirst" && !hostNetwork);
  let config: ResolverConfig;
  if (policy === "None") {
    config = { servers: [], searches: [], options: [] };
  } else if (useCluster && settings.clusterDns.length > 0) {
    const namespace = podNamespace(pod);
    const { clusterDomain: domain } = settings;
    const own = domain ? [`${namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
    config = {
      servers: [...settings.clusterDns],
      searches: unique([...own, ...settings.host.searches]),
      options: [...CLUSTER_OPTIONS],
    };
  } else {
    if (useCluster) {
      warnings.push({
        reason: "MissingClusterDNS",
        message: `pod: "${describePod(pod)}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${policy}" policy. Falling back to "Default" policy.`,
      });
    }
    config = {
      servers: [...settings.host.servers],
      searches: [...settings.host.searches],
      options: [...settings.host.options],
    };
  }
  if (pod.spec?.dnsConfig) config = append(config, pod.spec.dnsConfig);
  return { config: limit(config, warnings), warnings };
}

function append(config: ResolverConfig, extra: PodDNSConfig): ResolverConfig {
  const options = new Map(config.options.map((option) => [option.split(":")[0]!, option]));
  for (const { name, value } of extra.options ?? []) {
    if (name) options.set(name, value ? `${name}:${value}` : name);
  }
  return {
    servers: unique([...config.servers, ...(extra.nameservers ?? [])]),
    searches: unique([...config.searches, ...(extra.searches ?? [])]),
    options: [...options.values()],
  };
}

/** Cuts what the resolvers of containers can't take. */
function limit(config: ResolverConfig, warnings: DnsResult["warnings"]): ResolverConfig {
  const servers = config.servers.slice(0, MAX_SERVERS);
  if (servers.length < config.servers.length) {
    warnings.push({
      reason: "DNSConfigForming",
      message: `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${servers.join(" ")}`,
    });
  }
  let searches = config.searches.slice(0, MAX_SEARCHES);
  while (searches.join(" ").length > MAX_SEARCH_CHARACTERS) searches = searches.slice(0, -1);
  if (searches.length < config.searches.length) {
    warnings.push({
      reason: "DNSConfigForming",
      message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${searches.join(" ")}`,
    });
  }
  return { ...config, servers, searches };
}

const unique = (items: readonly string[]) => [...new Set(items)];

/** Reads the node's resolv.conf anew each time: it changes with the network. */
export function dnsReader(
  files: Files,
  settings: { clusterDns: readonly string[]; clusterDomain: string; resolvConf: string },
): () => Promise<DnsSettings> {
  const none: ResolverConfig = { servers: [], searches: [], options: [] };
  return async () => {
    const { clusterDns, clusterDomain, resolvConf } = settings;
    const host = resolvConf === "" ? none : parseResolvConf(await files.readFile(resolvConf, "utf8"));
    return { clusterDns, clusterDomain, host };
  };
}
