import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { sleep } from "../base/clock.ts";
import { dialGrpc } from "../base/grpc.ts";
import { lineLogger } from "../base/logger.ts";
import { cri } from "../kubelet/runtimes/cri/schema.ts";
import {
  busyboxMissing,
  containerdMissing,
  type PrivateContainerd,
  privateContainerd,
  TEST_IMAGE,
} from "./containerd/containerd.fixture.ts";
import { mountsBelow } from "./containerd/host.ts";
import { type Containerd, type ContainerdOptions, removeContainerd, startContainerd } from "./containerd.ts";

const skip = (await containerdMissing()) ?? (await busyboxMissing()) ?? false;

describe("a private containerd", { skip }, () => {
  let node: PrivateContainerd;
  before(async () => {
    node = await privateContainerd();
  });
  const handles: Containerd[] = [];
  const start = async (changes: Partial<ContainerdOptions> = {}) => {
    const handle = await startContainerd({ ...node.options, ...changes });
    handles.push(handle);
    return handle;
  };
  after(async () => {
    for (const handle of handles) handle.release();
    await node?.remove();
  });

  const call = async <T>(use: (channel: ReturnType<typeof dialGrpc>) => Promise<T>): Promise<T> => {
    const channel = dialGrpc(`unix:${node.containerd.socket}`);
    try {
      return await use(channel);
    } finally {
      channel.close();
    }
  };
  const runPod = (name: string) =>
    call(async (channel) => {
      const config = {
        metadata: { name, namespace: "default", uid: name, attempt: 0 },
        hostname: name,
        logDirectory: `${node.directory}/logs`,
        linux: { securityContext: { namespaceOptions: { pid: "CONTAINER" as const } } },
      };
      await node.machine.files.mkdir(config.logDirectory, { recursive: true });
      const { id: sandbox } = await channel.unary(cri.runPodSandbox, { config });
      const { id } = await channel.unary(cri.createContainer, {
        podSandboxId: sandbox,
        sandboxConfig: config,
        config: {
          metadata: { name: "main" },
          image: { image: TEST_IMAGE },
          command: ["sh", "-c", "sleep 1000 & sleep 1000"],
          logPath: `${name}.log`,
        },
      });
      await channel.unary(cri.startContainer, { id });
      return { sandbox, id };
    });
  const state = (containerId: string) =>
    call(async (channel) => (await channel.unary(cri.containerStatus, { containerId })).status?.state);

  test("is adopted by the next start, and its containers survive a replacement", async () => {
    const { id } = await runPod("survivor");
    node.containerd.release();
    const again = await start();
    assert.equal(again.adopted, true);
    assert.deepEqual(again.process(), node.containerd.process());
    await again.stop();
    assert.equal(again.process(), undefined);
    const replaced = await start({ logLevel: "info" });
    assert.equal(replaced.adopted, false);
    assert.equal(await state(id), "CONTAINER_RUNNING");
    replaced.release();
    const back = await start();
    assert.equal(back.adopted, false, "another configuration is no reason to keep the running one");
    back.release();
  });

  test("is started again when it is killed", async () => {
    const containerd = await start();
    const first = containerd.process()!;
    node.machine.processes.signal(first.pid, "SIGKILL");
    const started = () => containerd.process() !== undefined && containerd.process()!.pid !== first.pid;
    while (!started()) await sleep(node.machine.clock, 20);
    assert.ok(await node.machine.processes.isRunning(containerd.process()!));
    containerd.release();
  });

  test("leaves nothing behind when it is removed", async () => {
    const containerd = await start();
    const { id, sandbox } = await runPod("leftover");
    // The pause process, the container's, and what that one starts.
    while ((await pidsOf(id, sandbox)).length < 3) await sleep(node.machine.clock, 20);
    containerd.release();
    const root = `/knarr-test-${process.pid}`;
    const hierarchy = (await node.machine.files.exists("/sys/fs/cgroup/cgroup.controllers")) ? "" : "/pids";
    await mkdir(`/sys/fs/cgroup${hierarchy}${root}/pods/empty`, { recursive: true });
    await removeContainerd({ ...node.options, purge: false, cgroupRoot: root });
    assert.equal(await node.machine.files.exists(`/sys/fs/cgroup${hierarchy}${root}`), false);
    assert.deepEqual(await pidsOf(id, sandbox), []);
    assert.deepEqual(await mountsBelow(node.machine.files, [node.directory]), []);
    assert.deepEqual(await shimsOf(node.containerd.socket), []);
    assert.deepEqual(await cgroupsOf(id, sandbox), []);
    assert.equal(await node.machine.files.exists(node.options.stateDir), false);
    assert.equal(await node.machine.files.exists(node.options.dataDir), true, "the images are kept");
    await removeContainerd({ ...node.options, purge: false });
    const restarted = await start();
    const { image } = await call((channel) => channel.unary(cri.imageStatus, { image: { image: TEST_IMAGE } }));
    assert.ok(image, "a start after a reboot finds the images");
    restarted.release();
  });

  test("a start that fails tells why", async () => {
    await removeContainerd({ ...node.options, purge: false });
    const lines: string[] = [];
    const logger = lineLogger({ clock: node.machine.clock, component: "test", write: (line) => lines.push(line) });
    await writeFile(`${node.directory}/broken`, "");
    await assert.rejects(start({ logger, dataDir: `${node.directory}/broken` }), /EEXIST|ENOTDIR|not a directory/);
    await assert.rejects(start({ stateDir: `${node.directory}/${"x".repeat(100)}` }), /too long/);
    await assert.rejects(
      start({ netns: "/run/netns/knarr-not-there" }),
      /does not answer[\s\S]*No such file|ended at once/,
    );
  });
});

async function procs(): Promise<{ pid: string; cgroup: string; command: string }[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  return Promise.all(
    pids.map(async (pid) => ({
      pid,
      // A zombie keeps its cgroup until pid 1 gets round to reaping it.
      cgroup: / Z /.test(await read(`/proc/${pid}/stat`)) ? "" : await read(`/proc/${pid}/cgroup`),
      command: await read(`/proc/${pid}/cmdline`),
    })),
  );
}
const pidsOf = async (...ids: string[]) =>
  (await procs()).filter(({ cgroup }) => ids.some((id) => cgroup.includes(id))).map(({ pid }) => pid);
const shimsOf = async (socket: string) =>
  (await procs()).filter(({ command }) => command.includes(`${socket}\0`)).map(({ command }) => command);
const cgroupsOf = async (...ids: string[]) =>
  (await readdir("/sys/fs/cgroup", { recursive: true })).filter((path) => ids.some((id) => path.includes(id)));
