import type { HostAlias } from "../../api/types/core.v1.ts";

const HEADER = "# Kubernetes-managed hosts file.\n";
const HOST_NETWORK_HEADER = "# Kubernetes-managed hosts file (host network).\n";
const LOCAL = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "fe00::0\tip6-mcastprefix",
  "fe00::1\tip6-allnodes",
  "fe00::2\tip6-allrouters",
];

/** The /etc/hosts of a pod with a network of its own. */
export function podHosts(
  ips: readonly string[],
  name: { short: string; domain: string },
  aliases: readonly HostAlias[],
): string {
  const names = name.domain ? `${name.short}.${name.domain}\t${name.short}` : name.short;
  const own = ips.map((ip) => `${ip}\t${names}`);
  return `${HEADER}${[...LOCAL, ...own].join("\n")}\n${aliasLines(aliases)}`;
}

/** The /etc/hosts of a host-network pod: the node's `hosts`, and the pod's aliases. */
export function hostNetworkHosts(hosts: string, aliases: readonly HostAlias[]): string {
  return `${HOST_NETWORK_HEADER}${hosts}${aliasLines(aliases)}`;
}

function aliasLines(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return "";
  const lines = aliases.map(({ ip, hostnames = [] }) => `${[ip, ...hostnames].join("\t")}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join("")}`;
}
