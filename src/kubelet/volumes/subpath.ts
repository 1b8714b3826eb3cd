import { join } from "node:path";
import type { Files } from "../../base/files.ts";
import type { Mounter } from "./mounter.ts";
import { openWithin } from "./safe-open.ts";

/**
 * Binds what `subPath` names within `volume` to `target` and returns `target`. The bind is made from what was opened
 * safely, not from a path that a container could change meanwhile. A missing directory is made, with the volume's mode.
 */
export async function bindSubPath(
  options: { files: Files; mounter: Mounter; pid: number },
  volume: string,
  subPath: string,
  target: string,
): Promise<string> {
  const { files, mounter } = options;
  if ((await mounter.list()).includes(target)) return target;
  const handle = await openWithin(files, volume, subPath, { make: true });
  try {
    const directory = (await handle.stat()).isDirectory();
    await files.mkdir(join(target, ".."), { recursive: true, mode: 0o750 });
    if (directory) await files.mkdir(target, { recursive: true, mode: 0o750 });
    else await files.writeFile(target, "", { flag: "a", mode: 0o640 });
    await mounter.bind(`/proc/${options.pid}/fd/${handle.fd}`, target);
  } finally {
    await handle.close();
  }
  return target;
}
