import { dirname } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import type { VolumePlugin } from "./volume.ts";

/** A path of the node itself. */
export function hostPathPlugin(options: { files: Files }): VolumePlugin {
  const { files } = options;
  return {
    name: "kubernetes.io/host-path",
    refreshes: false,
    inMemory: false,
    supports: (volume) => volume.hostPath !== undefined,
    async setUp({ volume }) {
      const { path, type = "" } = volume.hostPath!;
      if (path.split("/").includes("..")) throw new Error(`path ${path} must not contain '..'`);
      await checkHostPath(files, path, type);
      return { path, readOnly: false };
    },
  };
}

/** Makes the path where its type allows that, and throws in upstream's words where it is not what the type says. */
export async function checkHostPath(files: Files, path: string, type: string): Promise<void> {
  if (type === "") return;
  const failed = (what: string) => new Error(`hostPath type check failed: ${what}`);
  let info = await files.stat(path).catch((error) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (!info && type === "DirectoryOrCreate") {
    await files.mkdir(path, { recursive: true, mode: 0o755 });
    info = await files.stat(path);
  }
  if (!info && type === "FileOrCreate") {
    if (!(await files.exists(dirname(path)))) throw failed(`${path} is not a file`);
    await files.writeFile(path, "", { mode: 0o644, flag: "a" });
    info = await files.stat(path);
  }
  switch (type) {
    case "DirectoryOrCreate":
    case "Directory":
      if (!info?.isDirectory()) throw failed(`${path} is not a directory`);
      return;
    case "FileOrCreate":
    case "File":
      if (!info?.isFile()) throw failed(`${path} is not a file`);
      return;
    case "Socket":
      if (!info?.isSocket()) throw failed(`${path} is not a socket file`);
      return;
    case "CharDevice":
      if (!info?.isCharacterDevice()) throw failed(`${path} is not a character device`);
      return;
    case "BlockDevice":
      if (!info?.isBlockDevice()) throw failed(`${path} is not a block device`);
      return;
    default:
      throw new Error(`hostPath type "${type}" is unknown`);
  }
}
