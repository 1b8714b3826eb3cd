import { join } from "node:path";
import type { Exec } from "../../base/exec.ts";
import type { Files } from "../../base/files.ts";
import type { AddressPlan } from "../addresses.ts";

/**
 * Writes the CNI configuration of a node. Each pod gets a routed link of its own (ptp), not a bridge port: that starts
 * about 10% faster, and packets between pods of a node pass the proxy's rules without help from br_netfilter.
 */
export async function writePodNetwork(
  files: Files,
  directory: string,
  options: { podCidr: string; dataDir: string },
): Promise<void> {
  const configuration = {
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: join(options.dataDir, "addresses"),
          ranges: [[{ subnet: options.podCidr }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
    ],
  };
  await files.mkdir(directory, { recursive: true, mode: 0o700 });
  await files.writeAtomic(join(directory, "10-knarr.conflist"), `${JSON.stringify(configuration, null, 2)}\n`);
}

const HOST_TABLE = "ip knarr-host";

/** For a node on the host itself: pods that leave the cluster take the host's address. */
export async function addHostNetwork(exec: Exec, files: Files, plan: AddressPlan): Promise<void> {
  await files.writeFile("/proc/sys/net/ipv4/ip_forward", "1");
  const rules = `table ${HOST_TABLE}
delete table ${HOST_TABLE}
table ${HOST_TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${plan.podCidr} ip daddr != ${plan.podCidr} masquerade
  }
}
`;
  await exec.run("nft", ["-f", "-"], { input: rules });
}

/** Takes away the host's table, and that of the proxy. */
export async function removeHostNetwork(exec: Exec): Promise<void> {
  const tables = [HOST_TABLE, "ip kube-proxy"].map((table) => `table ${table}\ndelete table ${table}\n`);
  await exec.run("nft", ["-f", "-"], { input: tables.join("") });
}
