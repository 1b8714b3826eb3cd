import { basename, join } from "node:path";
import { sleep } from "../../base/clock.ts";
import { type Files, isNotFound } from "../../base/files.ts";
import type { Machine } from "../../base/machine.ts";
import { mountsBelow, readIfPresent } from "./host.ts";

/** Where one containerd's things are. */
export interface ContainerdDirectories {
  readonly data: string;
  readonly state: string;
  readonly socket: string;
}

const SHIM_SOCKETS = "/run/containerd/s";
const CNI_RESULTS = "/var/lib/cni/results";
const KILL_DEADLINE_MS = 10_000;
const CGROUP_DEADLINE_MS = 3_000;
const CONTAINER_ID = /[0-9a-f]{64}/;

/**
 * Kills every container and shim of a containerd that has been stopped, and removes what they leave outside its
 * directories and mounted below them: mounts, cgroups, shim sockets, cached CNI results; `cgroupRoot` (`/name`) with all
 * that is in it too. Idempotent. Rejects where something can't be killed or unmounted, before anything is deleted that
 * could still be in use.
 */
export async function removeRemains(
  machine: Machine,
  directories: ContainerdDirectories,
  cgroupRoot?: string,
): Promise<void> {
  const { files } = machine;
  const bundles = await findBundles(files, directories.state);
  const ids = new Set(bundles.map((bundle) => basename(bundle)));
  const sockets = await Promise.all(bundles.map((bundle) => readIfPresent(files, join(bundle, "address"))));
  await killAll(machine, directories.socket, ids);
  await removeCgroups(machine, ids, cgroupRoot);
  await unmountBelow(machine, [directories.state, directories.data]);
  for (const socket of sockets) {
    const path = socket?.trim().replace(/^unix:\/\//, "");
    if (path?.startsWith(`${SHIM_SOCKETS}/`)) await files.rm(path, { force: true });
  }
  for (const result of await list(files, CNI_RESULTS)) {
    const id = CONTAINER_ID.exec(result)?.[0];
    if (id && ids.has(id)) await files.rm(join(CNI_RESULTS, result), { force: true });
  }
}

/** The directories of the running tasks: `state/io.containerd.runtime.v2.task/<namespace>/<id>`. */
async function findBundles(files: Files, state: string): Promise<string[]> {
  const tasks = join(state, "state", "io.containerd.runtime.v2.task");
  const bundles: string[] = [];
  for (const namespace of await list(files, tasks)) {
    for (const id of await list(files, join(tasks, namespace))) bundles.push(join(tasks, namespace, id));
  }
  return bundles;
}

async function list(files: Files, directory: string): Promise<string[]> {
  try {
    return await files.readdir(directory);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/**
 * Kills whatever runs in a cgroup of one of the containers (a process may have left its shim's process tree, but not its
 * cgroup), then the shims that report to `socket`: in this order the shims reap their containers, and the cgroups are
 * free at once.
 */
async function killAll(machine: Machine, socket: string, ids: ReadonlySet<string>): Promise<void> {
  const { clock, processes } = machine;
  const giveUp = clock.monotonic() + KILL_DEADLINE_MS;
  for (;;) {
    const { contained, shims } = await findProcesses(machine, socket, ids);
    const found = contained.length > 0 ? contained : shims;
    if (found.length === 0) return;
    if (clock.monotonic() > giveUp) throw new Error(`processes of containers can't be killed: ${found.join(", ")}`);
    for (const pid of found) processes.signal(pid, "SIGKILL");
    await sleep(clock, 10);
  }
}

async function findProcesses(
  machine: Machine,
  socket: string,
  ids: ReadonlySet<string>,
): Promise<{ contained: number[]; shims: number[] }> {
  const { files, processes } = machine;
  const contained: number[] = [];
  const shims: number[] = [];
  const pids = (await files.readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  await Promise.all(
    pids.map(async (pid) => {
      const [command, cgroup] = await Promise.all([
        readIfPresent(files, `/proc/${pid}/cmdline`),
        ids.size > 0 ? readIfPresent(files, `/proc/${pid}/cgroup`) : undefined,
      ]);
      const args = command?.split("\0") ?? [];
      const isShim =
        basename(args[0] ?? "").startsWith("containerd-shim") && args[args.indexOf("-address") + 1] === socket;
      const isContained = (cgroup?.match(new RegExp(CONTAINER_ID, "g")) ?? []).some((id) => ids.has(id));
      if ((isShim || isContained) && (await processes.identify(pid))) (isContained ? contained : shims).push(pid);
    }),
  );
  return { contained, shims };
}

/** Removes the cgroups whose names carry one of the ids, with parents that become empty by that, and the root given. */
async function removeCgroups(machine: Machine, ids: ReadonlySet<string>, root?: string): Promise<void> {
  const unified = await machine.files.exists("/sys/fs/cgroup/cgroup.controllers");
  const hierarchies = unified ? [""] : await list(machine.files, "/sys/fs/cgroup");
  for (const hierarchy of hierarchies) {
    const top = join("/sys/fs/cgroup", hierarchy);
    if (ids.size > 0) await sweep(machine, top, ids, false);
    // A root that is the top itself is everybody's.
    if (!root || join(top, root) === join(top, "/")) continue;
    await sweep(machine, join(top, root), ids, true);
    await removeCgroup(machine, join(top, root), true);
  }
}

/** Removes matching directories below `directory`; true where one was removed. `doomed`: a parent's name matched. */
async function sweep(machine: Machine, directory: string, ids: ReadonlySet<string>, doomed: boolean): Promise<boolean> {
  let removed = false;
  let entries: { name: string; isDirectory(): boolean }[];
  try {
    entries = await machine.files.readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const path = join(directory, entry.name);
    const id = CONTAINER_ID.exec(entry.name)?.[0];
    const matches = doomed || (id !== undefined && ids.has(id));
    const emptied = await sweep(machine, path, ids, matches);
    if (matches || emptied) removed = (await removeCgroup(machine, path, matches)) || removed;
  }
  return removed;
}

/** False where the cgroup is in use; a parent that others still use is no failure. */
async function removeCgroup({ files, clock }: Machine, path: string, required: boolean): Promise<boolean> {
  const giveUp = clock.monotonic() + CGROUP_DEADLINE_MS;
  for (;;) {
    try {
      await files.rmdir(path);
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (!["EBUSY", "ENOTEMPTY"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
      if (!required) return false;
      // A killed process leaves its cgroup only when it has been reaped.
      if (clock.monotonic() > giveUp) throw error;
      await sleep(clock, 10);
    }
  }
}

/** Unmounts everything at or below `directories`. Rejects where something stays mounted. */
export async function unmountBelow(
  machine: Pick<Machine, "files" | "exec">,
  directories: readonly string[],
): Promise<void> {
  const { files, exec } = machine;
  // Mounts can lie on top of each other, so what a first pass uncovers is taken by the next.
  for (let pass = 0; pass < 4; pass++) {
    const mounts = await mountsBelow(files, directories);
    if (mounts.length === 0) return;
    await exec.run("umount", ["--lazy", "--", ...new Set(mounts.reverse())]);
  }
  const left = await mountsBelow(files, directories);
  if (left.length > 0) throw new Error(`still mounted: ${left.join(", ")}`);
}
