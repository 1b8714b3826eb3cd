/** Snapshots of a running cluster, its restoration, and a cluster whose objects are in etcd: as the README has them. */
import assert from "node:assert/strict";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Etcd, startEtcd, withoutEtcd } from "../integration/etcd.fixture.ts";
import { eventually, must, root, run, skip, TestCluster } from "./cluster.fixture.ts";

let cluster: TestCluster;
let etcd: Etcd | undefined;
const file = () => join(cluster.directory, "backup.snapshot");
const up = (...more: string[]) => cluster.up("--kubeconfig", cluster.kubeconfig, ...more);
const store = (...args: string[]) => cluster.knarr("store", ...args, "--name", cluster.name);
const configMaps = async () =>
  (await cluster.kubectl("get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}"))
    .split(" ")
    .filter((name) => name !== "kube-root-ca.crt");

before(async () => {
  if (skip) return;
  cluster = await TestCluster.create("store");
  await up();
});
after(async () => {
  if (!skip) await cluster.remove();
  await etcd?.dispose();
});

test("the README's way to take and restore a snapshot works, line by line", { skip }, async () => {
  await cluster.kubectl("create", "configmap", "before");
  const uid = await cluster.kubectl("get", "configmap", "before", "-o", "jsonpath={.metadata.uid}");
  const readme = await readFile(join(root, "README.md"), "utf8");
  const commands = /## Snapshots\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(readme)![1]!;
  const script = commands
    .replaceAll("./knarr down", "kubectl create configmap later\n./knarr down")
    .replace(/\.\/knarr ((?:store \w+)|down)/g, `${join(root, "knarr")} $1 --name ${cluster.name}`)
    .replace(/\.\/knarr up/g, `${join(root, "knarr")} up --name ${cluster.name} --kubeconfig ${cluster.kubeconfig}`);
  const result = await run("sh", ["-c", `set -eu\n${script}`], { env: cluster.environment, cwd: cluster.directory });
  assert.equal(result.code, 0, `${result.stdout}\n${result.stderr}`);
  assert.match(result.stdout, /backup\.snapshot: \d+ objects at revision \d+, sha256 [0-9a-f]{64}\n/);
  assert.match(result.stdout, /Store: +embedded .*\nRevision: +\d+\nObjects: +\d+\nSize: +[\d.]+ MiB/);
  assert.match(result.stdout, /[\d.]+ MiB before, [\d.]+ MiB now/);
  assert.match(result.stdout, /\d+ objects of revision \d+ restored; the store is at 1000\d+/);
  assert.match(result.stdout, /The store that was there is now .*state\.db\.before-/);
  assert.equal((await stat(file())).mode & 0o777, 0o600);
  assert.deepEqual(await configMaps(), ["before"]);
  assert.equal(await cluster.kubectl("get", "configmap", "before", "-o", "jsonpath={.metadata.uid}"), uid);
  await cluster.kubectl("create", "configmap", "after");
});

test("what can't be done is said in one line", { skip }, async () => {
  const refused = async (message: RegExp, ...args: string[]) => {
    const outcome = await cluster.knarr("store", ...args);
    assert.equal(outcome.code, 1, outcome.stdout);
    assert.match(outcome.stderr, message);
    assert.doesNotMatch(outcome.stderr, /\n\s+at /);
  };
  await refused(/is running; stop it first: knarr down/, "restore", file(), "--name", cluster.name);
  await refused(/there is no store in/, "status", "--name", "no-such-cluster");
  await refused(/exclude each other/, "status", "--data-dir=/x", "--etcd-servers=http://127.0.0.1:1");
  await refused(/ENOENT/, "restore", "/no/such/file", "--data-dir", join(cluster.directory, "new"));
  await refused(/not a snapshot/, "restore", join(root, "package.json"), "--data-dir", join(cluster.directory, "new"));
  await refused(/in use by process \d+/, "status", "--data-dir", join(cluster.dataDir, "store"));
});

test("the same objects go on in etcd, by a cluster that is told of it", { skip: skip || withoutEtcd }, async () => {
  etcd = await startEtcd();
  const flags = [
    `--etcd-servers=${etcd.endpoint}`,
    `--etcd-cafile=${join(etcd.directory, "ca.crt")}`,
    `--etcd-certfile=${join(etcd.directory, "client.crt")}`,
    `--etcd-keyfile=${join(etcd.directory, "client.key")}`,
  ];
  must(await store("snapshot", file()), "store snapshot");
  const restored = must(await cluster.knarr("store", "restore", file(), ...flags), "store restore");
  assert.match(restored.stdout, /objects of revision \d+ restored/);
  const again = await cluster.knarr("store", "restore", file(), ...flags);
  assert.match(again.stderr, /there are \d+ keys below \/registry in etcd already/);
  const before = await up().then(() => cluster.kubectl("get", "services", "-A", "-o", "name"));
  must(await cluster.knarr("down", "--name", cluster.name), "down");
  assert.match(
    (await cluster.knarr("up", "--name", cluster.name, ...flags)).stderr,
    /has its objects in its own store; make a new cluster/,
  );
  must(await cluster.knarr("down", "--name", cluster.name, "--purge"), "down --purge");
  await up(...flags);
  assert.deepEqual(await configMaps(), ["after", "before"]);
  assert.equal(await cluster.kubectl("get", "services", "-A", "-o", "name"), before);
  assert.match(must(await store("status"), "store status").stdout, /Store: +etcd 3\..* at https:/);
  // It remembers where its objects are.
  must(await cluster.knarr("down", "--name", cluster.name), "down");
  await up();
  await cluster.kubectl("create", "configmap", "in-etcd");
  await etcd.stop("SIGKILL");
  const unavailable = await cluster.tryKubectl(["create", "configmap", "lost", "--request-timeout=2s"]);
  assert.notEqual(unavailable.code, 0);
  await etcd.start();
  await eventually("writes again", async () => (await cluster.tryKubectl(["create", "configmap", "again"])).code === 0);
  assert.ok((await configMaps()).includes("in-etcd"));
});
