import type { Exec } from "../../base/exec.ts";
import type { Files } from "../../base/files.ts";
import { type AddressPlan, nodeAddresses } from "../addresses.ts";

/**
 * The network of the nodes that live on this machine: one bridge on the host per cluster, and for each node a network
 * namespace with an uplink to that bridge. The host gets routes to the pods of each node and to the Services.
 */
export interface NodeNetwork {
  /** Puts the namespace of node `index` in place (or completes it) and returns its path, for `nsenter --net=`. */
  addNode(index: number): Promise<string>;
  /** Removes everything that belongs to the cluster: namespaces, links, routes, the nft table. */
  remove(): Promise<void>;
}

export interface NodeNetworkOptions {
  exec: Exec;
  files: Files;
  name: string;
  plan: AddressPlan;
}

export const namespaceName = (cluster: string, index: number) => `knarr-${cluster}${index === 0 ? "" : `-${index}`}`;
export const namespacePath = (cluster: string, index: number) => `/run/netns/${namespaceName(cluster, index)}`;
const tableName = (cluster: string) => `knarr-${cluster}`;

export function nodeNetwork({ exec, files, name, plan }: NodeNetworkOptions): NodeNetwork {
  const bridge = `knarr${plan.slot}`;
  const uplink = (index: number) => `kn${plan.slot}n${index}`;

  const hostSide = async () => {
    await files.writeFile("/proc/sys/net/ipv4/ip_forward", "1");
    if (!(await files.exists(`/sys/class/net/${bridge}`))) {
      await batch([
        `link add ${bridge} type bridge`,
        `addr add ${plan.hostAddress}/24 dev ${bridge}`,
        `link set ${bridge} up`,
      ]);
    }
    // Traffic that leaves the cluster's own ranges takes the host's address; the table is the cluster's own.
    await exec.run("nft", ["-f", "-"], { input: hostRules(tableName(name), bridge, plan) });
  };
  const batch = (lines: string[], namespace?: string) =>
    exec.run("ip", [...(namespace ? ["-n", namespace] : []), "-batch", "-"], { input: `${lines.join("\n")}\n` });

  return {
    async addNode(index) {
      const namespace = namespaceName(name, index);
      const path = namespacePath(name, index);
      const { address, podCidr } = nodeAddresses(plan, index);
      await hostSide();
      if (!(await files.exists(path))) await exec.run("ip", ["netns", "add", namespace]);
      if (!(await files.exists(`/sys/class/net/${uplink(index)}`))) {
        await batch([
          `link add ${uplink(index)} type veth peer name eth0 netns ${namespace}`,
          `link set ${uplink(index)} master ${bridge} up`,
        ]);
      }
      await batch(
        [
          "link set lo up",
          `addr replace ${address}/24 dev eth0`,
          "link set eth0 up",
          `route replace default via ${plan.hostAddress}`,
        ],
        namespace,
      );
      await exec.run("nsenter", [
        `--net=${path}`,
        "sysctl",
        "-qw",
        "net.ipv4.ip_forward=1",
        "net.ipv4.conf.all.route_localnet=1",
      ]);
      const routes = [`route replace ${podCidr} via ${address} dev ${bridge}`];
      if (index === 0) routes.push(`route replace ${plan.serviceCidr} via ${address} dev ${bridge}`);
      await batch(routes);
      return path;
    },
    async remove() {
      await exec.run("nft", ["-f", "-"], {
        input: `table ip ${tableName(name)}\ndelete table ip ${tableName(name)}\n`,
      });
      const own = new RegExp(`^${namespaceName(name, 0)}(-\\d+)?$`);
      const namespaces = (await exec.run("ip", ["netns", "list"])).stdout
        .split("\n")
        .map((line) => line.split(" ")[0]!);
      for (const namespace of namespaces.filter((candidate) => own.test(candidate))) {
        await exec.run("ip", ["netns", "delete", namespace]);
      }
      // Deleting a namespace removes its end of the pair later, in the background; the host's end is removed at once.
      const links = (await files.readdir("/sys/class/net")).filter(
        (link) => link === bridge || new RegExp(`^kn${plan.slot}n\\d+$`).test(link),
      );
      for (const link of links) {
        try {
          await exec.run("ip", ["link", "delete", link]);
        } catch (error) {
          if (await files.exists(`/sys/class/net/${link}`)) throw error;
        }
      }
    },
  };
}

/** The destinations of the host's IPv4 routes, for choosing a free slot. */
export async function hostRoutes(exec: Exec): Promise<string[]> {
  const { stdout } = await exec.run("ip", ["-4", "-json", "route", "show"]);
  return (JSON.parse(stdout || "[]") as { dst: string }[]).map((route) => route.dst);
}

/** The address of this host that its default route uses; undefined where there is none. */
export async function primaryAddress(exec: Exec): Promise<string | undefined> {
  try {
    const { stdout } = await exec.run("ip", ["-4", "-json", "route", "get", "192.0.2.1"]);
    return (JSON.parse(stdout) as { prefsrc?: string }[])[0]?.prefsrc;
  } catch {
    // No default route: the first address that is not loopback will do.
    const { stdout } = await exec.run("ip", ["-4", "-json", "addr", "show", "scope", "global", "up"]);
    const links = JSON.parse(stdout || "[]") as { addr_info?: { local: string }[] }[];
    return links.flatMap((link) => link.addr_info ?? [])[0]?.local;
  }
}

function hostRules(table: string, bridge: string, plan: AddressPlan): string {
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr { ${plan.nodeCidr}, ${plan.podCidr} } oifname != "${bridge}" masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "${bridge}" accept
    oifname "${bridge}" accept
  }
}
`;
}
