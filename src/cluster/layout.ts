import { join } from "node:path";

/** Where a cluster keeps its things. `data` must survive a reboot, `run` need not (it is usually on tmpfs). */
export interface Layout {
  readonly name: string;
  readonly data: string;
  readonly run: string;
  /** The keys and certificates; readable by root alone. */
  readonly pki: string;
  readonly store: string;
  readonly logs: string;
  readonly kubelet: string;
  readonly containerdData: string;
  readonly containerdState: string;
  readonly cni: string;
  /** The administrator's kubeconfig, also where the user's own is elsewhere. */
  readonly adminKubeconfig: string;
}

/** Where the records of all clusters of this machine are, one file per name. */
export const RECORDS = "/var/lib/knarr/clusters";

/** At most this long, so that link and namespace names derived from it fit. */
export const NAME_MAX = 40;

export function layout(name: string, dataDir?: string): Layout {
  const data = dataDir ?? `/var/lib/knarr/${name}`;
  const run = `/run/knarr/${name}`;
  return {
    name,
    data,
    run,
    pki: join(data, "pki"),
    store: join(data, "store"),
    logs: join(data, "logs"),
    kubelet: join(data, "kubelet"),
    containerdData: join(data, "containerd"),
    containerdState: join(run, "containerd"),
    cni: join(data, "cni"),
    adminKubeconfig: join(data, "admin.kubeconfig"),
  };
}

/** Throws where `name` can't name a cluster. */
export function checkName(name: string): void {
  if (name === "clusters" || name.length > NAME_MAX || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    throw new Error(
      `"${name}" can't name a cluster: use at most ${NAME_MAX} lower-case letters, digits and dashes, beginning and ending with a letter or digit ("clusters" is taken)`,
    );
  }
}
