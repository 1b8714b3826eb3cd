import { join } from "node:path";
import type { Files } from "../../base/files.ts";

/** Bits that a group owner gets: on files, on directories, and on files of a volume that can't be written. */
const READ_WRITE = 0o660;
const READ_ONLY = 0o440;
const TRAVERSE = 0o110;
const SET_GID = 0o2000;

/** The mode that a file or directory of a volume with an fsGroup has. */
export function groupMode(mode: number, directory: boolean, readOnly: boolean): number {
  const shared = mode | (readOnly ? READ_ONLY : READ_WRITE);
  return directory ? shared | SET_GID | TRAVERSE : shared;
}

/**
 * Gives a volume to a group, as `fsGroup` asks. By `OnRootMismatch` nothing is done where the top directory is right
 * already. See https://kubernetes.io/docs/tasks/configure-pod-container/security-context/.
 */
export async function setGroup(
  files: Files,
  directory: string,
  group: number,
  options: { policy: string | undefined; readOnly?: boolean },
): Promise<void> {
  const readOnly = options.readOnly ?? false;
  if (options.policy === "OnRootMismatch") {
    const { gid, mode } = await files.lstat(directory);
    if (gid === group && (mode & 0o7777) === groupMode(mode & 0o7777, true, readOnly)) return;
  }
  // The top comes last: it is what OnRootMismatch looks at after an interruption.
  const visit = async (path: string): Promise<void> => {
    const info = await files.lstat(path);
    if (info.isSymbolicLink()) return;
    if (info.isDirectory()) for (const name of await files.readdir(path)) await visit(join(path, name));
    if (info.gid !== group) await files.chown(path, info.uid, group);
    const mode = groupMode(info.mode & 0o7777, info.isDirectory(), readOnly);
    if (mode !== (info.mode & 0o7777)) await files.chmod(path, mode);
  };
  await visit(directory);
}
