import type { Exec } from "../../base/exec.ts";
import type { Files } from "../../base/files.ts";

/** Mounts of this machine. Each call but `list` starts a program, some 5 ms: what can do without a mount should. */
export interface Mounter {
  tmpfs(target: string, options: readonly string[]): Promise<void>;
  /** Makes `source` (a file or directory) appear at `target`, with what is mounted below it. */
  bind(source: string, target: string): Promise<void>;
  /**
   * Makes `directory` a mount of its own whose mounts below are seen by containers, and theirs by others (mount
   * propagation). Nothing may be mounted below it yet; idempotent.
   */
  share(directory: string): Promise<void>;
  /** Removes the mount at `target`; lazily where something still uses it. */
  unmount(target: string): Promise<void>;
  /** The places where something is mounted, in the order of mounting. */
  list(): Promise<string[]>;
}

export function mounter(options: { exec: Exec; files: Files }): Mounter {
  const { exec, files } = options;
  return {
    async tmpfs(target, mountOptions) {
      await exec.run("mount", ["-t", "tmpfs", "-o", mountOptions.join(","), "tmpfs", target]);
    },
    async bind(source, target) {
      await exec.run("mount", ["--no-canonicalize", "--rbind", source, target]);
    },
    async share(directory) {
      if (!(await isShared(files, directory))) {
        await exec.run("mount", ["--bind", "--make-rshared", directory, directory]);
      }
    },
    async unmount(target) {
      await exec.run("umount", ["-l", "--no-canonicalize", target]);
    },
    list: () => list(files),
  };
}

/** Whether `directory` is a mount of its own that is shared: mountinfo's optional fields come after the sixth. */
async function isShared(files: Files, directory: string): Promise<boolean> {
  const text = await files.readFile("/proc/self/mountinfo", "utf8");
  return text.split("\n").some((line) => {
    const fields = line.split(" ");
    return fields[4] === directory && fields.slice(6).some((field) => field.startsWith("shared:"));
  });
}

/** The mount points in mountinfo, proc(5): the fifth field, with blanks as octal escapes. */
async function list(files: Files): Promise<string[]> {
  const text = await files.readFile("/proc/self/mountinfo", "utf8");
  const points: string[] = [];
  for (const line of text.split("\n")) {
    const field = line.split(" ", 5)[4];
    if (field)
      points.push(field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  }
  return points;
}

/** Unmounts everything at or below `directory`, the innermost first. Rejects where something stays mounted. */
export async function unmountBelow(mounts: Mounter, directory: string): Promise<void> {
  const below = async () => (await mounts.list()).filter((point) => isWithin(point, directory));
  for (const point of (await below()).reverse()) await mounts.unmount(point);
  const left = await below();
  if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
