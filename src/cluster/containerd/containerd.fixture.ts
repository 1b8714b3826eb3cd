import { access, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dialGrpc } from "../../base/grpc.ts";
import { silentLogger } from "../../base/logger.ts";
import { type Machine, systemMachine } from "../../base/machine.ts";
import {
  type Containerd,
  type ContainerdOptions,
  PAUSE_IMAGE,
  removeContainerd,
  startContainerd,
} from "../containerd.ts";
import { importImage } from "../images/import.ts";
import { textFile } from "../images/layer.ts";
import { memoryImage } from "../images/memory-image.ts";
import { architecture, type ImageSource } from "../images/oci.ts";
import { pauseImage } from "../images/pause.ts";
import { findBinaries } from "./host.ts";

/** Why tests with a real containerd can't run here; undefined where they can. */
export async function containerdMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "needs root";
  try {
    await findBinaries(systemMachine().files);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export const BUSYBOX = "/bin/busybox";
export const TEST_IMAGE = "localhost/busybox:test";

/** Why images can't be made from the machine's busybox; undefined where they can. */
export async function busyboxMissing(): Promise<string | undefined> {
  return access(BUSYBOX).then(
    () => undefined,
    () => `needs a statically linked ${BUSYBOX} (package busybox-static)`,
  );
}

/** An image whose only program is busybox, under the names of its commands too. */
export async function busyboxImage(name = TEST_IMAGE): Promise<ImageSource> {
  const { files } = systemMachine();
  const commands =
    "sh cat echo sleep ls env true false tar stty nc id head kill touch test wc mkdir rm date httpd".split(" ");
  return memoryImage(
    name,
    { architecture: architecture(), config: { Env: ["PATH=/bin"], Cmd: ["/bin/sh"], WorkingDir: "/" } },
    [
      textFile("/bin/busybox", await files.readFile(BUSYBOX), 0o755),
      ...commands.map((command) => ({
        path: `/bin/${command}`,
        mode: 0o777,
        type: "symlink" as const,
        target: "busybox",
      })),
      textFile("/etc/passwd", "root:x:0:0:root:/:/bin/sh\n"),
      { path: "/tmp", mode: 0o1777, type: "directory" },
    ],
  );
}

export interface PrivateContainerd {
  readonly machine: Machine;
  readonly options: ContainerdOptions;
  readonly directory: string;
  readonly containerd: Containerd;
  /** Kills everything and deletes everything. */
  remove(): Promise<void>;
}

let sequence = 0;

/** A containerd of a test's own: in a temporary directory and, unless `network` is false, a network namespace with a pod network. */
export async function privateContainerd(
  settings: { network?: boolean; images?: boolean } = {},
): Promise<PrivateContainerd> {
  const machine = systemMachine({ keepAlive: true });
  const directory = await realpath(await mkdtemp(join(tmpdir(), "knarr-node-")));
  const namespace = `knarr-test-${process.pid}-${sequence++}`;
  const cniConfDir = join(directory, "cni");
  await machine.files.mkdir(cniConfDir);
  const binaries = await findBinaries(machine.files);
  const options: ContainerdOptions = {
    machine,
    // Another containerd than the installed one can be tested by naming it in the environment.
    binaries: { ...binaries, containerd: process.env["CONTAINERD"] ?? binaries.containerd },
    logger: silentLogger,
    dataDir: join(directory, "data"),
    stateDir: join(directory, "run"),
    logFile: join(directory, "containerd.log"),
    cniConfDir,
    ...(settings.network === false ? {} : { netns: `/run/netns/${namespace}` }),
  };
  const remove = async () => {
    await removeContainerd({ ...options, purge: true });
    if (options.netns) await machine.exec.run("ip", ["netns", "delete", namespace]);
    await rm(directory, { recursive: true, force: true });
  };
  if (options.netns) {
    await machine.exec.run("ip", ["netns", "add", namespace]);
    await machine.exec.run("ip", ["-n", namespace, "link", "set", "lo", "up"]);
    await writeFile(join(cniConfDir, "10-test.conflist"), JSON.stringify(podNetwork(directory)));
  }
  try {
    const containerd = await startContainerd(options);
    if (settings.images !== false) {
      const channel = dialGrpc(`unix:${containerd.socket}`);
      for (const source of [await pauseImage(PAUSE_IMAGE), await busyboxImage()]) {
        await importImage({ ...machine, channel }, source, source.images[0]!);
      }
      channel.close();
    }
    return {
      machine,
      options,
      directory,
      containerd,
      async remove() {
        containerd.release();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const podNetwork = (directory: string) => ({
  cniVersion: "0.4.0",
  name: "test",
  plugins: [
    {
      type: "ptp",
      ipam: { type: "host-local", dataDir: join(directory, "ipam"), ranges: [[{ subnet: "10.200.0.0/24" }]] },
    },
  ],
});
