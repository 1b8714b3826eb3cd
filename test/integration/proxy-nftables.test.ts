/** The nftables backend on a real kernel, in a network namespace of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { systemExec } from "../../src/base/exec.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { ProxyBackend } from "../../src/proxy/backend.ts";
import { nftables } from "../../src/proxy/backends/nftables/nftables.ts";
import type { Frontend } from "../../src/proxy/service-tracker.ts";

const namespace = `knarr-proxy-test-${process.pid}`;
const inside = [`--net=/run/netns/${namespace}`];
const exec = {
  ...systemExec,
  run: (command: string, args: readonly string[], options = {}) =>
    systemExec.run("nsenter", [...inside, command, ...args], options),
};
const PODS = ["10.1.0.1", "10.1.0.2", "10.1.0.3"];
const NODE = "10.9.9.9";
const CLUSTER_IP = "10.96.0.7";
let server: ChildProcess | undefined;
let backend: ProxyBackend;
const skip = process.getuid?.() !== 0 ? "network namespaces need root" : false;

/** Answers each connection or datagram with the address it came in on and the client's address. */
const SERVER = `
const [net, dgram] = [require("node:net"), require("node:dgram")];
for (const address of ${JSON.stringify(PODS)}) {
  net.createServer((socket) => { socket.on("error", () => {}); socket.end(address + " " + socket.remoteAddress); }).listen(8080, address);
  const udp = dgram.createSocket("udp4");
  udp.on("message", (_, peer) => udp.send(address + " " + peer.address, peer.port, peer.address));
  udp.bind(8080, address);
}
console.log("ready");
setInterval(() => {}, 1e6);`;
const CLIENT = `
const [kind, host, port, count] = process.argv.slice(1);
const [net, dgram] = [require("node:net"), require("node:dgram")];
const tcp = () => new Promise((done) => {
  const socket = net.connect({ host, port: Number(port) }); let text = "";
  const timer = setTimeout(() => { socket.destroy(); done("timeout"); }, 700);
  socket.on("data", (chunk) => (text += chunk)).on("end", () => { clearTimeout(timer); done(text); }).on("error", (error) => { clearTimeout(timer); done(error.code); });
});
const udp = () => new Promise((done) => {
  const socket = dgram.createSocket("udp4");
  const finish = (text) => { clearTimeout(timer); socket.close(); done(text); };
  const timer = setTimeout(() => finish("timeout"), 700);
  socket.connect(Number(port), host, () => { socket.send("x"); });
  socket.on("message", (message) => finish(String(message))).on("error", (error) => finish(error.code));
});
(async () => { const seen = []; for (let i = 0; i < Number(count); i++) seen.push(await (kind === "tcp" ? tcp() : udp())); console.log(JSON.stringify(seen)); })();`;

async function ask(kind: "tcp" | "udp", host: string, port: number, count: number): Promise<string[]> {
  const { stdout } = await exec.run(process.execPath, ["-e", CLIENT, kind, host, String(port), String(count)]);
  return JSON.parse(stdout);
}
const pods = (answers: string[]) => [...new Set(answers.map((answer) => answer.split(" ")[0]))].sort();

function frontend(change: Partial<Frontend> = {}): Frontend {
  return {
    address: CLUSTER_IP,
    protocol: "tcp",
    port: 80,
    backends: PODS.map((address) => ({ address, port: 8080 })),
    masquerade: "off-cluster",
    withoutBackends: "reject",
    affinitySeconds: 0,
    ...change,
  };
}

before(async () => {
  if (skip) return;
  await systemExec.run("ip", ["netns", "add", namespace]);
  const lines = [
    "link set lo up",
    ...PODS.map((address) => `addr add ${address}/32 dev lo`),
    "link add uplink type veth peer name far",
    `addr add ${NODE}/24 dev uplink`,
    "link set far up",
    "link set uplink up",
    "route add default dev uplink",
  ];
  await systemExec.run("ip", ["-n", namespace, "-batch", "-"], { input: lines.join("\n") });
  server = spawn("nsenter", [...inside, process.execPath, "-e", SERVER], { stdio: ["ignore", "pipe", "inherit"] });
  await once(server.stdout!, "data");
  backend = nftables({ exec, logger: silentLogger, clusterCidr: "10.1.0.0/16" });
});
after(async () => {
  if (skip) return;
  server?.kill("SIGKILL");
  await systemExec.run("ip", ["netns", "delete", namespace]);
});

test("connections to a cluster IP and a node port reach all backends", { skip }, async () => {
  await backend.replace(
    new Map([["default/web", [frontend(), frontend({ address: undefined, port: 30080, masquerade: "always" })]]]),
  );
  assert.deepEqual(pods(await ask("tcp", CLUSTER_IP, 80, 40)), PODS);
  assert.deepEqual(pods(await ask("tcp", NODE, 30080, 40)), PODS);
});

test("an update moves the traffic; without backends, and at other ports, connections are refused", {
  skip,
}, async () => {
  await backend.update(new Map([["default/web", [frontend({ backends: [{ address: PODS[1]!, port: 8080 }] })]]]));
  assert.deepEqual(pods(await ask("tcp", CLUSTER_IP, 80, 5)), [PODS[1]]);
  await backend.update(new Map([["default/web", [frontend({ backends: [] })]]]));
  assert.deepEqual(await ask("tcp", CLUSTER_IP, 80, 2), ["ECONNREFUSED", "ECONNREFUSED"]);
  await backend.update(new Map([["default/web", [frontend()]]]));
  assert.deepEqual(await ask("tcp", CLUSTER_IP, 81, 1), ["ECONNREFUSED"]);
  await backend.update(new Map([["default/web", [frontend({ backends: [], withoutBackends: "drop" })]]]));
  assert.deepEqual(await ask("tcp", CLUSTER_IP, 80, 1), ["timeout"]);
});

test("session affinity keeps a client on one backend, and follows when that one goes", { skip }, async () => {
  await backend.update(new Map([["default/web", [frontend({ affinitySeconds: 60 })]]]));
  const [only, ...others] = pods(await ask("tcp", CLUSTER_IP, 80, 12));
  assert.deepEqual(others, []);
  const left = PODS.filter((address) => address !== only).map((address) => ({ address, port: 8080 }));
  await backend.update(new Map([["default/web", [frontend({ affinitySeconds: 60, backends: left })]]]));
  const next = pods(await ask("tcp", CLUSTER_IP, 80, 12));
  assert.equal(next.length, 1);
  assert.notEqual(next[0], only);
});

test("UDP works, and a deleted Service leaves nothing", { skip }, async () => {
  const udp = frontend({ protocol: "udp", port: 53 });
  await backend.update(new Map([["default/dns", [udp]]]));
  assert.deepEqual(pods(await ask("udp", CLUSTER_IP, 53, 40)), PODS);
  await backend.update(
    new Map([
      ["default/dns", []],
      ["default/web", []],
    ]),
  );
  const { stdout } = await exec.run("nft", ["-j", "list", "table", "ip", "kube-proxy"]);
  const listed = JSON.parse(stdout).nftables as {
    map?: { name: string; elem?: unknown[] };
    set?: { name: string; elem?: unknown[] };
  }[];
  const left = listed
    .flatMap(({ map, set }) => ((map ?? set)?.elem ? [(map ?? set)!.name] : []))
    .filter((name) => name !== "affinities");
  assert.deepEqual(left, []);
});

test("an equal state made anew is an equal state, and removal takes the table", { skip }, async () => {
  await backend.replace(new Map([["default/web", [frontend()]]]));
  await backend.replace(new Map([["default/web", [frontend()]]]));
  assert.deepEqual(pods(await ask("tcp", CLUSTER_IP, 80, 40)), PODS);
  await backend.remove();
  assert.equal((await exec.run("nft", ["list", "tables"])).stdout, "");
});
