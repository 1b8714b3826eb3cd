import type { Exec } from "../../base/exec.ts";
import { type Files, isNotFound } from "../../base/files.ts";

/** What containerd's configuration depends on, of the machine and of the containerd that is installed. */
export interface ContainerdHost {
  readonly version: string;
  readonly major: number;
  readonly minor: number;
  /** 2 where the unified hierarchy alone is mounted; 1 also for the hybrid layout. */
  readonly cgroupVersion: 1 | 2;
  /** Whether systemd runs as pid 1. */
  readonly systemd: boolean;
  /** Without CAP_SYS_RESOURCE no process may be given a lower OOM score than its parent's. */
  readonly mayLowerOomScore: boolean;
  /** Overlayfs doesn't stack on itself: inside most containers layers have to be copied. */
  readonly snapshotter: "overlayfs" | "native";
}

const CAP_SYS_RESOURCE = 24n;
const OVERLAYFS_MAGIC = 0x794c7630;
/** The oldest that speaks CRI runtime.v1. */
const OLDEST: readonly [number, number] = [1, 6];

/** Looks at the machine. `dataDir` must exist. Rejects where containerd can't be run or is too old. */
export async function inspectHost(
  files: Files,
  exec: Exec,
  options: { containerd: string; dataDir: string },
): Promise<ContainerdHost> {
  const [version, status, unified, systemd, fileSystem] = await Promise.all([
    exec.run(options.containerd, ["--version"]),
    files.readFile("/proc/self/status", "utf8"),
    files.exists("/sys/fs/cgroup/cgroup.controllers"),
    files.exists("/run/systemd/system"),
    files.statfs(options.dataDir),
  ]);
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return {
    ...parseVersion(version.stdout),
    cgroupVersion: unified ? 2 : 1,
    systemd,
    mayLowerOomScore: (capabilities & (1n << CAP_SYS_RESOURCE)) !== 0n,
    snapshotter: fileSystem.type === OVERLAYFS_MAGIC ? "native" : "overlayfs",
  };
}

/** Reads `containerd --version`. Throws where it is older than 1.6. */
export function parseVersion(output: string): Pick<ContainerdHost, "version" | "major" | "minor"> {
  const match = /\bv?(\d+)\.(\d+)\.(\d+\S*)/.exec(output);
  if (!match) throw new Error(`containerd's version is not to be read from ${JSON.stringify(output.trim())}`);
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new Error(`containerd ${major}.${minor} is too old: ${OLDEST.join(".")} or newer is needed`);
  }
  return { version: `${major}.${minor}.${match[3]}`, major, minor };
}

/** The programs that a node needs; absolute paths. */
export interface ContainerdBinaries {
  readonly containerd: string;
  /** runc, or a program that takes its arguments, like crun. */
  readonly runtime: string;
  /** The directory of the CNI plugins. */
  readonly cni: string;
}

const PROGRAM_DIRS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const CNI_DIRS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];

/** Finds the programs in their usual places. Rejects with one message that names everything that is missing. */
export async function findBinaries(files: Files): Promise<ContainerdBinaries> {
  const first = async (candidates: readonly string[]): Promise<string | undefined> => {
    for (const candidate of candidates) if (await files.exists(candidate)) return candidate;
    return undefined;
  };
  const program = (name: string) => first(PROGRAM_DIRS.map((directory) => `${directory}/${name}`));
  const [containerd, shim, runtime, bridge] = await Promise.all([
    program("containerd"),
    program("containerd-shim-runc-v2"),
    program("runc").then((runc) => runc ?? program("crun")),
    first(CNI_DIRS.map((directory) => `${directory}/bridge`)),
  ]);
  const missing = [
    !containerd && "containerd",
    !shim && "containerd-shim-runc-v2",
    !runtime && "runc (or crun)",
    !bridge && `the CNI plugins (looked in ${CNI_DIRS.join(", ")})`,
  ].filter((name) => name !== false);
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(", ")}`);
  return { containerd: containerd!, runtime: runtime!, cni: bridge!.slice(0, -"/bridge".length) };
}

/** The mount points at or below any of `directories`, innermost last. */
export async function mountsBelow(files: Files, directories: readonly string[]): Promise<string[]> {
  const text = await files.readFile("/proc/self/mountinfo", "utf8");
  return mountPoints(text).filter((point) =>
    directories.some((directory) => point === directory || point.startsWith(`${directory}/`)),
  );
}

/** The mount points of a mountinfo file (proc(5)), in its order, with its escapes undone. */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo
    .split("\n")
    .filter((line) => line !== "")
    .map((line) =>
      line
        .split(" ")[4]!
        .replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    );
}

/** A file's text, or undefined where it is not there or its process has just gone. */
export async function readIfPresent(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    if (isNotFound(error) || (error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
    throw error;
  }
}
