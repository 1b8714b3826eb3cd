import { join } from "node:path";
import type { Files } from "../../base/files.ts";
import type { LayerEntry } from "./layer.ts";

export interface DirectoryOptions {
  /** Where the directory's content goes in the image: `/app`; empty for the root. */
  prefix: string;
  /** Paths (relative, with slashes) that are left out. */
  exclude?: (path: string) => boolean;
  /** `keep`: owners and permissions as they are. `normalise`: root's, 0755 for directories and programs, else 0644. */
  ownership: "keep" | "normalise";
}

/**
 * The content of a directory of this machine as entries of a layer. Rejects where it holds something that is no file,
 * directory or symbolic link.
 */
export async function directoryEntries(
  files: Files,
  directory: string,
  { prefix, exclude, ownership }: DirectoryOptions,
): Promise<LayerEntry[]> {
  const entries: LayerEntry[] = [];
  const walk = async (relative: string) => {
    for (const { name } of await files.readdir(join(directory, relative), { withFileTypes: true })) {
      const path = relative === "" ? name : `${relative}/${name}`;
      const excluded = exclude?.(path) ?? false;
      const source = join(directory, path);
      const info = await files.lstat(source);
      const owner =
        ownership === "keep"
          ? { mode: info.mode & 0o7777, uid: info.uid, gid: info.gid }
          : { mode: info.isDirectory() || (info.mode & 0o100) !== 0 ? 0o755 : 0o644 };
      const base = { path: `${prefix}/${path}`, ...owner };
      if (info.isDirectory()) {
        // What is in an excluded directory may have been taken back.
        if (!excluded) entries.push({ ...base, type: "directory" });
        await walk(path);
      } else if (excluded) continue;
      else if (info.isSymbolicLink()) {
        entries.push({ ...base, mode: 0o777, type: "symlink", target: await files.readlink(source) });
      } else if (info.isFile()) {
        const content = () => files.createReadStream(source, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
        entries.push({ ...base, type: "file", size: info.size, content });
      } else throw new Error(`${source} is neither a file nor a directory nor a symbolic link`);
    }
  };
  await walk("");
  return entries;
}
