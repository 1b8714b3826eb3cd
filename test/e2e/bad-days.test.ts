/** Processes that die, machines that lose power, disks that fill up, and wrong input to the command line. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, freePort, must, root, run, skip, TestCluster } from "./cluster.fixture.ts";

let cluster: TestCluster;
const up = () => cluster.up("--kubeconfig", cluster.kubeconfig);

before(async () => {
  if (skip) return;
  cluster = await TestCluster.create("bad");
  await up();
  must(
    await cluster.knarr("image", "build", join(root, "examples/hello"), "-t", "hello:1", "--name", cluster.name),
    "image build",
  );
  await cluster.kubectl("apply", "-f", join(root, "examples/hello/hello.yaml"));
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
});
after(async () => {
  if (!skip) await cluster.remove();
});

/** Each pod's container and how often it was started. */
const containers = async () =>
  cluster.kubectl(
    "get",
    "pods",
    "-l",
    "app=hello",
    "-o",
    'jsonpath={range .items[*]}{.metadata.name} {.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}{"\\n"}{end}',
  );
const answers = async () => {
  const address = await cluster.kubectl("get", "service", "hello", "-o", "jsonpath={.spec.clusterIP}");
  return (
    await fetch(`http://${address}/`, { signal: AbortSignal.timeout(2000), headers: { connection: "close" } })
  ).text();
};

test("kill -9 of the control plane under writes loses nothing acknowledged, and no pod", { skip }, async () => {
  const before = await containers();
  const acknowledged: string[] = [];
  let stop = false;
  const writer = async (writerIndex: number) => {
    for (let index = 0; !stop && index < 1000; index++) {
      const name = `w${writerIndex}-${index}`;
      const created = await cluster.tryKubectl(["create", "configmap", name, `--from-literal=n=${index}`]);
      if (created.code === 0) acknowledged.push(name);
      else return;
    }
  };
  const writers = [0, 1, 2].map(writer);
  await eventually("some writes", async () => acknowledged.length >= 15);
  process.kill(await cluster.pid("control-plane"), "SIGKILL");
  stop = true;
  await Promise.all(writers);
  const status = await cluster.knarr("status", "--name", cluster.name);
  assert.match(status.stdout, /kube-apiserver +- +Stopped/);
  assert.equal(status.code, 3);
  await up();
  const present = new Set(
    (await cluster.kubectl("get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}")).split(" "),
  );
  assert.deepEqual(
    acknowledged.filter((name) => !present.has(name)),
    [],
  );
  assert.equal(await containers(), before);
  assert.match(await answers(), /^Hello from hello-/);
});

test("up while the control plane is on its way out waits for its end, and starts it again", { skip }, async () => {
  const before = await cluster.pid("control-plane");
  process.kill(before, "SIGTERM");
  await up();
  assert.notEqual(await cluster.pid("control-plane"), before);
  await cluster.kubectl("get", "deployment", "hello");
});

test("kill -9 of the node's process leaves the containers running, and is made good by up", { skip }, async () => {
  const before = await containers();
  process.kill(await cluster.pid("node"), "SIGKILL");
  assert.match(await answers(), /^Hello from hello-/);
  await up();
  await eventually(
    "exec",
    async () => (await cluster.kubectl("exec", "deployment/hello", "--", "node", "-p", "6*7")) === "42\n",
  );
  assert.equal(await containers(), before);
});

test("kill -9 of containerd: it is started again, and the containers never notice", { skip }, async () => {
  const before = await containers();
  const old = await cluster.pid("containerd");
  process.kill(old, "SIGKILL");
  await eventually("a new containerd", async () => (await cluster.pid("containerd")) !== old);
  await eventually(
    "exec",
    async () => (await cluster.kubectl("exec", "deployment/hello", "--", "node", "-p", "6*7")) === "42\n",
  );
  assert.equal(await containers(), before);
});

test("after a stop and the loss of all but the data directory the workload comes back", { skip }, async () => {
  must(await cluster.knarr("down", "--name", cluster.name), "down");
  const left = await leftovers();
  assert.deepEqual(left, []);
  await rm(`/run/knarr/${cluster.name}`, { recursive: true, force: true });
  await rm(`/var/lib/knarr/clusters/${cluster.name}.json`, { force: true });
  await up();
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=90s");
  await eventually(
    "three ready pods",
    async () => (await cluster.kubectl("get", "deployment", "hello", "-o", "jsonpath={.status.readyReplicas}")) === "3",
  );
  await eventually("an answer", async () => (await answers()).startsWith("Hello from hello-"));
});

test("secrets on disk are root's alone", { skip }, async () => {
  for (const path of ["pki", "pki/ca.key", "pki/sa.key", "store/state.db", "admin.kubeconfig"]) {
    assert.equal((await stat(join(cluster.dataDir, path))).mode & 0o077, 0, path);
  }
});

test("mistakes on the command line get one clear message each", { skip }, async () => {
  const expectFailure = async (args: string[], message: RegExp) => {
    const outcome = await cluster.knarr(...args);
    assert.notEqual(outcome.code, 0, args.join(" "));
    assert.match(outcome.stderr, message);
    assert.doesNotMatch(outcome.stderr, /\n\s+at /, "no stack trace");
  };
  await expectFailure(["up", "--name", "Not_A_Name"], /can't name a cluster/);
  await expectFailure(["up", "--name", cluster.name, "--api-port", "17"], /is running with another --api-port/);
  await expectFailure(["up", "--api-port", "lots"], /a port is a number from 1 to 65535/);
  await expectFailure(["up", "--no-such-option"], /unknown option '--no-such-option'/);
  await expectFailure(["down", "--name", "no-such-cluster"], /there is no cluster no-such-cluster/);
  await expectFailure(["status", "--name", "no-such-cluster"], /there is no cluster no-such-cluster/);
  await expectFailure(["logs", "nonsense", "--name", cluster.name], /there is no component nonsense/);
  await expectFailure(["image", "build", "/nonexistent", "-t", "x:1", "--name", cluster.name], /nonexistent/);
  await expectFailure(["image", "load", "/nonexistent.tar", "--name", cluster.name], /nonexistent/);
  await expectFailure(["image", "rm", "no-such-image", "--name", cluster.name], /has no image no-such-image/);
  await expectFailure(["nonsense"], /unknown command|too many arguments/);
});

test("an occupied port is named", { skip }, async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const outcome = await cluster.knarr(
      "up",
      "--name",
      `${cluster.name}x`,
      "--data-dir",
      join(cluster.directory, "x"),
      "--kubeconfig",
      join(cluster.directory, "x.kubeconfig"),
      "--api-port",
      String(port),
    );
    assert.equal(outcome.code, 1);
    assert.match(outcome.stderr, new RegExp(`port ${port} on 127\\.0\\.0\\.1 is in use by another program`));
  } finally {
    server.close();
    await cluster.knarr("down", "--name", `${cluster.name}x`, "--purge");
  }
});

test("a full or read-only disk is named", { skip }, async () => {
  const mount = join(cluster.directory, "small");
  await mkdir(mount);
  const attempt = async () =>
    cluster.knarr(
      "up",
      "--name",
      `${cluster.name}y`,
      "--data-dir",
      join(mount, "data"),
      "--kubeconfig",
      join(cluster.directory, "y.kubeconfig"),
      "--api-port",
      String(await freePort()),
    );
  must(await run("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", mount]), "mount");
  try {
    await writeFile(join(mount, "filler"), Buffer.alloc(64 * 1024)).catch(() => {});
    const full = await attempt();
    assert.equal(full.code, 1);
    assert.match(full.stderr, /disk of .* is full/);
    must(await run("mount", ["-o", "remount,ro", mount]), "remount");
    const readOnly = await attempt();
    assert.equal(readOnly.code, 1);
    assert.match(readOnly.stderr, /read-only file system/);
  } finally {
    await run("umount", [mount]);
    await cluster.knarr("down", "--name", `${cluster.name}y`, "--purge");
  }
});

test("without root there is one clear message", { skip }, async () => {
  const outcome = await run("setpriv", [
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    join(root, "knarr"),
    "up",
    "--name",
    "nobody",
  ]);
  assert.equal(outcome.code, 1);
  assert.match(outcome.stderr, /root/);
  assert.doesNotMatch(outcome.stderr, /\n\s+at /);
});

test("two clusters run side by side, and down --purge leaves nothing", { skip }, async () => {
  const other = await TestCluster.create("side");
  try {
    await other.up("--kubeconfig", other.kubeconfig);
    assert.match(await other.kubectl("get", "nodes"), / Ready /);
    assert.match(await cluster.kubectl("get", "nodes"), / Ready /);
    assert.match(await answers(), /^Hello from hello-/);
  } finally {
    await other.remove();
  }
  assert.match(await answers(), /^Hello from hello-/);
  must(await cluster.knarr("down", "--name", cluster.name, "--purge"), "down --purge");
  assert.deepEqual(await leftovers(), []);
  await assert.rejects(stat(cluster.dataDir));
});

/** What mentions this cluster among processes, mounts, namespaces and nft tables. */
async function leftovers(): Promise<string[]> {
  const { name, dataDir } = cluster;
  const mentions = async (command: string, args: string[], pattern: string) =>
    (await run(command, args)).stdout.split("\n").filter((line) => line.includes(pattern) && !line.includes("ps -e"));
  return [
    ...(await mentions("ps", ["-eo", "args"], `/run/knarr/${name}/`)),
    ...(await mentions("ps", ["-eo", "args"], `--name ${name}`)).filter((line) => !line.includes("down")),
    ...(await mentions("cat", ["/proc/mounts"], `/run/knarr/${name}/`)),
    ...(await mentions("cat", ["/proc/mounts"], dataDir)),
    ...(await mentions("ip", ["netns", "list"], `knarr-${name}`)),
    ...(await mentions("nft", ["list", "tables"], `knarr-${name}`)),
  ];
}
