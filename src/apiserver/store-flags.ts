import type { Flags, FlagValues } from "../base/flags.ts";
import { parseEndpoint } from "../store/etcd-endpoint.ts";

/** Upstream's default of --etcd-prefix, and the beginning of all keys in a store of any kind. */
export const DEFAULT_ETCD_PREFIX = "/registry";

/** As upstream. */
export const COMPACTION_INTERVAL_MS = 5 * 60_000;

/** Where the objects are kept: upstream's flags of etcd, with `--data-dir` for the embedded store in its place. */
export const storeFlags = {
  "data-dir": { kind: "string", description: "the directory of the embedded store, instead of --etcd-servers" },
  "etcd-servers": { kind: "list", description: "the members of an etcd cluster: https://HOST:PORT,…" },
  "etcd-cafile": { kind: "string", description: "the CA of etcd's certificates (PEM)" },
  "etcd-certfile": { kind: "string", description: "who this server is to etcd (PEM)" },
  "etcd-keyfile": { kind: "string", description: "the key of --etcd-certfile (PEM)" },
  "etcd-prefix": { kind: "string", default: DEFAULT_ETCD_PREFIX, description: "the beginning of all keys in etcd" },
  "etcd-compaction-interval": {
    kind: "duration",
    default: COMPACTION_INTERVAL_MS,
    description: "how often history is dropped that is older than that; 0: never",
  },
  "etcd-count-metric-poll-period": { kind: "duration", description: "not supported: nothing is polled for metrics" },
  "etcd-servers-overrides": { kind: "list", description: "not supported: all resources are in one store" },
  "storage-backend": { kind: "string", description: "etcd3, where --etcd-servers is given" },
  "storage-media-type": {
    kind: "string",
    default: "application/json",
    description: "only application/json is supported",
  },
} as const satisfies Flags;

/** A place for the objects. */
export type StorePlace =
  | { readonly directory: string }
  | {
      readonly etcdServers: readonly string[];
      /** Paths of PEM files. */
      readonly etcdCaFile?: string | undefined;
      readonly etcdCertificateFile?: string | undefined;
      readonly etcdKeyFile?: string | undefined;
      readonly etcdPrefix: string;
    };

export interface StoreSettings {
  readonly place: StorePlace;
  /** 0: never compacted by this server. */
  readonly compactionIntervalMs: number;
}

/** Throws for flags that contradict each other or are not supported. */
export function storeSettings(flags: FlagValues<typeof storeFlags>): StoreSettings {
  const servers = flags["etcd-servers"] ?? [];
  const directory = flags["data-dir"];
  if (flags["etcd-servers-overrides"]) throw new Error("--etcd-servers-overrides is not supported: use --etcd-servers");
  if (flags["etcd-count-metric-poll-period"] !== undefined) {
    throw new Error("--etcd-count-metric-poll-period is not supported: counts are taken when metrics are asked for");
  }
  if (flags["storage-media-type"] !== "application/json") {
    throw new Error(`--storage-media-type=${flags["storage-media-type"]} is not supported: only application/json is`);
  }
  if (flags["storage-backend"] && flags["storage-backend"] !== "etcd3") {
    throw new Error(`--storage-backend=${flags["storage-backend"]} is not supported: only etcd3 is`);
  }
  const compactionIntervalMs = flags["etcd-compaction-interval"];
  if (servers.length === 0) {
    if (!directory) throw new Error("--data-dir (the embedded store) or --etcd-servers is required");
    if (flags["storage-backend"]) throw new Error("--storage-backend=etcd3 needs --etcd-servers");
    for (const name of ["etcd-cafile", "etcd-certfile", "etcd-keyfile"] as const) {
      if (flags[name]) throw new Error(`--${name} needs --etcd-servers`);
    }
    if (flags["etcd-prefix"] !== DEFAULT_ETCD_PREFIX) throw new Error("--etcd-prefix needs --etcd-servers");
    return { place: { directory }, compactionIntervalMs };
  }
  if (directory) throw new Error("--data-dir and --etcd-servers exclude each other");
  if (!flags["etcd-certfile"] !== !flags["etcd-keyfile"]) {
    throw new Error("--etcd-certfile and --etcd-keyfile need each other");
  }
  for (const server of servers) parseEndpoint(server);
  const place = {
    etcdServers: servers,
    etcdCaFile: flags["etcd-cafile"],
    etcdCertificateFile: flags["etcd-certfile"],
    etcdKeyFile: flags["etcd-keyfile"],
    etcdPrefix: etcdPrefix(flags["etcd-prefix"]),
  };
  return { place, compactionIntervalMs };
}

/** As upstream, with a slash in front and none at the end. */
export function etcdPrefix(text: string): string {
  const parts = text.split("/").filter((part) => part !== "");
  if (parts.length === 0) throw new Error("--etcd-prefix must not be empty");
  return `/${parts.join("/")}`;
}
