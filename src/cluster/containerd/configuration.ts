import type { ContainerdHost } from "./host.ts";

/** What containerd's configuration file is made from. Every path that containerd writes to is below `data` or `state`. */
export interface ContainerdSettings {
  readonly data: string;
  readonly state: string;
  readonly socket: string;
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  /** runc or a program that behaves like it; absolute. */
  readonly runtime: string;
  readonly pauseImage: string;
  /** A directory of `<registry>/hosts.toml` files (mirrors, certificates); may be empty or absent. */
  readonly registryConfigDir: string;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  readonly logLevel: "debug" | "info" | "warn" | "error";
}

/** Snapshotters that can't work here or would cost a warning each start, and plugins that listen on fixed paths. */
const DISABLED = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.nri.v1.nri",
];

type Toml = { readonly [key: string]: TomlValue };
type TomlValue = string | number | boolean | readonly string[] | Toml;

/**
 * The configuration of one containerd, in the format that its version prefers: format 2 for 1.6 and 1.7, format 3 for 2.x
 * (where the CRI plugin is split into images, runtime and streaming server).
 */
export function containerdConfiguration(settings: ContainerdSettings, host: ContainerdHost): string {
  const common: Toml = {
    version: host.major >= 2 ? 3 : 2,
    root: `${settings.data}/root`,
    state: `${settings.state}/state`,
    oom_score: 0,
    disabled_plugins: DISABLED,
    grpc: { address: settings.socket },
    ttrpc: { address: `${settings.socket}.ttrpc` },
    debug: { level: settings.logLevel },
  };
  const streaming: Toml = { stream_server_address: "127.0.0.1", stream_server_port: "0" };
  const manyBinDirs = host.major > 2 || (host.major === 2 && host.minor >= 1);
  const cniBinaries: Toml = manyBinDirs ? { bin_dirs: [settings.cniBinDir] } : { bin_dir: settings.cniBinDir };
  const cni: Toml = { ...cniBinaries, conf_dir: settings.cniConfDir, max_conf_num: 1 };
  const registry: Toml = { config_path: settings.registryConfigDir };
  const runtimes: Toml = {
    default_runtime_name: "runc",
    runtimes: {
      runc: {
        runtime_type: "io.containerd.runc.v2",
        options: {
          BinaryName: settings.runtime,
          Root: `${settings.state}/runc`,
          SystemdCgroup: settings.cgroupDriver === "systemd",
        },
      },
    },
  };
  const limits: Toml = {
    restrict_oom_score_adj: !host.mayLowerOomScore,
    netns_mounts_under_state_dir: true,
    // As containerd 2's defaults: processes without privileges may use low ports and ping, in their own namespace.
    enable_unprivileged_ports: true,
    enable_unprivileged_icmp: true,
  };
  const opt: Toml = { "io.containerd.internal.v1.opt": { path: `${settings.data}/opt` } };
  const plugins: Toml =
    host.major >= 2
      ? {
          ...opt,
          "io.containerd.cri.v1.images": {
            snapshotter: host.snapshotter,
            pinned_images: { sandbox: settings.pauseImage },
            registry,
          },
          "io.containerd.cri.v1.runtime": { ...limits, cni, containerd: runtimes },
          "io.containerd.grpc.v1.cri": streaming,
        }
      : {
          ...opt,
          "io.containerd.grpc.v1.cri": {
            sandbox_image: settings.pauseImage,
            ...streaming,
            ...limits,
            cni,
            registry,
            containerd: { snapshotter: host.snapshotter, ...runtimes },
          },
        };
  return `${render({ ...common, plugins })}\n`;
}

function isTable(value: TomlValue): value is Toml {
  return typeof value === "object" && !Array.isArray(value);
}

function render(table: Toml, path: readonly string[] = []): string {
  const values = Object.entries(table).filter(([, value]) => !isTable(value));
  const tables = Object.entries(table).filter((entry): entry is [string, Toml] => isTable(entry[1]));
  const lines = path.length > 0 && values.length > 0 ? [`\n[${path.map(key).join(".")}]`] : [];
  // JSON's strings, numbers, booleans and arrays of strings are valid TOML.
  for (const [name, value] of values) lines.push(`${key(name)} = ${JSON.stringify(value)}`);
  for (const [name, value] of tables) lines.push(render(value, [...path, name]));
  return lines.join("\n");
}

const key = (name: string) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name));
