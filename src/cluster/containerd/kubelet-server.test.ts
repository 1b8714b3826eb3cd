import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import type { Pod } from "../../api/types/core.v1.ts";
import { silentLogger } from "../../base/logger.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { issue, newAuthority } from "../../base/x509.ts";
import type { ContainerConfig, Runtime, SandboxConfig } from "../../kubelet/runtime.ts";
import { criRuntime } from "../../kubelet/runtimes/cri/cri.ts";
import { type KubeletServer, startKubeletServer } from "../../kubelet/server/server.ts";
import { join as joinStreams } from "../../kubelet/server/upgrade-proxy.ts";
import {
  busyboxMissing,
  containerdMissing,
  type PrivateContainerd,
  privateContainerd,
  TEST_IMAGE,
} from "./containerd.fixture.ts";

/** kubectl to test with; another one than that of the PATH can be named by the environment. */
const KUBECTL = process.env["KUBECTL"] ?? "/usr/bin/kubectl";
const kubectlMissing = () =>
  access(KUBECTL).then(
    () => undefined,
    () => `needs ${KUBECTL} (or another named by KUBECTL)`,
  );
const skip = (await containerdMissing()) ?? (await busyboxMissing()) ?? (await kubectlMissing()) ?? false;
const DAY = 86_400_000;
/** From 1.31 on kubectl takes WebSockets first. */
const knowsWebSocket = skip ? false : kubectlMinor() >= 31;

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "default", uid: "uid-web" },
  spec: {
    nodeName: "n1",
    containers: [
      { name: "main", image: TEST_IMAGE },
      { name: "reader", image: TEST_IMAGE, stdin: true },
    ],
  },
  status: { phase: "Running" },
};

describe("streams through the kubelet's server, with kubectl", { skip, timeout: 120_000 }, () => {
  let node: PrivateContainerd;
  let runtime: Runtime;
  let kubelet: KubeletServer;
  let api: Awaited<ReturnType<typeof startProxy>>;
  let sandbox: string;
  let serverPort: number;
  const containers = new Map<string, string>();

  before(async () => {
    // In the host's network, as the streaming server and the pod's ports have to be reached from here.
    node = await privateContainerd({ network: false });
    const { machine, directory } = node;
    runtime = criRuntime({ endpoint: node.containerd.socket, clock: machine.clock, logger: silentLogger });
    const logDirectory = join(directory, "logs");
    await mkdir(logDirectory);
    const config: SandboxConfig = {
      metadata: { name: "web", namespace: "default", uid: "uid-web", attempt: 0 },
      hostname: "",
      logDirectory,
      portMappings: [],
      labels: {},
      annotations: {},
      linux: { security: { network: "node", pid: "container", ipc: "pod" } },
    };
    sandbox = await runtime.runSandbox(config);
    const start = async (name: string, script: string, stdin: boolean) => {
      const container: ContainerConfig = {
        metadata: { name, attempt: 0 },
        image: TEST_IMAGE,
        userSpecifiedImage: TEST_IMAGE,
        command: ["sh", "-c", script],
        args: [],
        workingDir: "",
        envs: [],
        mounts: [],
        devices: [],
        labels: {},
        annotations: {},
        logPath: `${name}.log`,
        stdin,
        stdinOnce: false,
        tty: false,
        linux: {
          security: {
            privileged: false,
            addCapabilities: [],
            dropCapabilities: [],
            network: "node",
            pid: "container",
            ipc: "pod",
            supplementalGroups: [],
            readonlyRootfs: false,
            noNewPrivs: false,
            seccomp: { type: "unconfined" },
            maskedPaths: [],
            readonlyPaths: [],
          },
        },
      };
      const id = await runtime.createContainer(sandbox, container, config);
      await runtime.startContainer(id);
      containers.set(name, id);
    };
    serverPort = await freePort();
    await start("main", `nc -ll -p ${serverPort} -e cat`, false);
    await start("reader", 'while read line; do echo "got $line"; done', true);

    const now = machine.clock.now();
    const authority = newAuthority({ commonName: "ca", now, validityMs: DAY });
    const certify = (commonName: string, usages: ("client" | "server")[]) => {
      const validity = { notBefore: now, notAfter: now + DAY };
      const made = issue({ authority, commonName, usages, ...validity, ipAddresses: ["127.0.0.1"] });
      return { cert: made.certificatePem, key: made.privateKeyPem! };
    };
    kubelet = await startKubeletServer({
      ...machine,
      logger: silentLogger,
      runtime,
      pods: {
        pods: () => [pod],
        runningContainer: (_pod, name) => containers.get(name),
        readySandbox: () => sandbox,
      },
      access: { authenticateToken: async () => undefined, authorize: async () => ({ allowed: true }) },
      metrics: metricsRegistry(),
      nodeName: "n1",
      rootDir: directory,
      port: 0,
      address: "127.0.0.1",
      certificate: certify("system:node:n1", ["server"]),
      clientCa: authority.certificatePem,
    });
    api = await startProxy(kubelet.port, { ...certify("api", ["client"]), ca: authority.certificatePem });
  });
  after(async () => {
    await api?.close();
    await kubelet?.close();
    await runtime?.close();
    await node?.remove();
  });

  /** Runs kubectl; `input` is its standard input, which is closed after it. */
  const kubectl = async (
    args: readonly string[],
    options: { input?: string | Buffer; spdy?: boolean; timeoutMs?: number } = {},
  ) => {
    const child = start(args, options.spdy ?? false);
    child.stdin!.end(options.input ?? "");
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      once(child, "close"),
    ]);
    return { code: code as number | null, stdout, stderr };
  };
  const start = (args: readonly string[], spdy: boolean): ChildProcess =>
    spawn(KUBECTL, [`--server=${api.url}`, `--cache-dir=${node.directory}/cache`, ...args], {
      env: {
        PATH: process.env["PATH"],
        HOME: node.directory,
        KUBECONFIG: "/dev/null",
        ...(spdy ? { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false", KUBECTL_PORT_FORWARD_WEBSOCKETS: "false" } : {}),
      },
    });

  for (const spdy of [false, true]) {
    describe(spdy ? "over SPDY" : "over WebSocket, where kubectl knows it", () => {
      after(() => {
        const asked = new Set(api.protocols.splice(0));
        if (spdy || !knowsWebSocket) assert.deepEqual(asked, new Set(["SPDY/3.1"]));
        else assert.deepEqual(asked, new Set(["v5.channel.k8s.io", "SPDY/3.1+portforward.k8s.io"]));
      });

      test("exec gives output, errors and the exit code", async () => {
        const result = await kubectl(
          ["exec", "web", "-c", "main", "--", "sh", "-c", "echo out; echo err >&2; exit 3"],
          { spdy },
        );
        assert.equal(result.stdout, "out\n");
        assert.match(result.stderr, /^err\ncommand terminated with exit code 3\n$/);
        assert.equal(result.code, 3);
        const missing = await kubectl(["exec", "web", "-c", "main", "--", "/no/such"], { spdy });
        assert.notEqual(missing.code, 0);
        assert.match(missing.stderr, /no such file or directory/);
      });

      test("exec -i carries input to its end", async () => {
        const input = randomBytes(3_000_000);
        const count = await kubectl(["exec", "-i", "web", "-c", "main", "--", "wc", "-c"], { input, spdy });
        assert.deepEqual([count.stdout.trim(), count.code], ["3000000", 0], count.stderr);
        const echo = await kubectl(["exec", "-i", "web", "-c", "main", "--", "cat"], { input: "a\nb\n", spdy });
        assert.deepEqual([echo.stdout, echo.code], ["a\nb\n", 0], echo.stderr);
      });

      test("exec gives much output whole", async () => {
        const { stdout, code } = await kubectl(
          ["exec", "web", "-c", "main", "--", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\\\000' x"].map(
            (arg) => arg,
          ),
          { spdy },
        );
        assert.deepEqual([stdout.length, code], [3_000_000, 0]);
      });

      test("exec -it has a terminal of the user's size", async () => {
        const command = [
          KUBECTL,
          `--server=${api.url}`,
          `--cache-dir=${node.directory}/cache`,
          "exec",
          "-it",
          "web",
          "-c",
          "main",
          "--",
        ];
        const script = `stty rows 33 cols 77; ${command.join(" ")} sh -c 'sleep 0.3; stty size; exit 5'`;
        const child = spawn("script", ["-qec", script, "/dev/null"], {
          env: { ...process.env, KUBECONFIG: "/dev/null", KUBECTL_REMOTE_COMMAND_WEBSOCKETS: String(!spdy) },
          stdio: ["pipe", "pipe", "inherit"],
        });
        const [output, [code]] = await Promise.all([text(child.stdout!), once(child, "close")]);
        assert.match(output, /33 77\r\n/);
        assert.equal(code, 5);
      });

      test("attach -i talks to the process that runs", async (t) => {
        const child = start(["attach", "-i", "web", "-c", "reader"], spdy);
        t.after(() => child.kill());
        child.stdin!.write("hello\n");
        await said(child.stdout!, /got hello\n/);
      });

      test("cp copies there and back", async () => {
        const content = randomBytes(500_000);
        const [source, back] = [join(node.directory, `there-${spdy}`), join(node.directory, `back-${spdy}`)];
        await writeFile(source, content);
        const there = await kubectl(["cp", source, "web:/tmp/copy", "-c", "main"], { spdy });
        assert.equal(there.code, 0, there.stderr);
        const again = await kubectl(["cp", "web:/tmp/copy", back, "-c", "main"], { spdy });
        assert.equal(again.code, 0, again.stderr);
        assert.ok(content.equals(await readFile(back)));
      });

      test("port-forward carries several connections at once", async (t) => {
        const child = start(["port-forward", "pod/web", `:${serverPort}`], spdy);
        t.after(() => child.kill());
        const [, port] = await said(child.stdout!, /Forwarding from 127\.0\.0\.1:(\d+)/);
        // Each says all it has and closes its half at once; what comes back is read to the end.
        const messages = [10, 200_000, 3, 1_000_000].map((size) => randomBytes(size).toString("hex"));
        const echoes = await Promise.all(messages.map((message) => exchange(Number(port), message)));
        assert.ok(echoes.every((echo, index) => echo === messages[index]));
      });
    });
  }
});

function kubectlMinor(): number {
  const { stdout } = spawnSync(KUBECTL, ["version", "--client", "-o", "json"], { encoding: "utf8" });
  return Number.parseInt(JSON.parse(stdout).clientVersion.minor, 10);
}

/** Sends, ends, and reads to the end. */
async function exchange(port: number, data: string): Promise<string> {
  const socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end(data);
  return text(socket);
}

/** Resolves once what was written matches; goes on reading after that. */
function said(stream: NodeJS.ReadableStream, expression: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let all = "";
    stream.on("data", (chunk: Buffer) => {
      all += chunk;
      const match = expression.exec(all);
      if (match) resolve(match);
    });
    stream.once("end", () => reject(new Error(`ended after ${JSON.stringify(all)}`)));
  });
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = "";
  for await (const chunk of stream) all += chunk;
  return all;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** As much of an API server as kubectl needs here: discovery, the pod, and streams proxied raw to the kubelet. */
async function startProxy(kubeletPort: number, tls: { key: string; cert: string; ca: string }) {
  const resource = (name: string, verbs: string[]) => ({
    name,
    singularName: "",
    namespaced: true,
    kind: "Pod",
    verbs,
  });
  const documents: Record<string, unknown> = {
    "/api": { kind: "APIVersions", versions: ["v1"] },
    "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
    "/api/v1": {
      kind: "APIResourceList",
      groupVersion: "v1",
      resources: [
        { ...resource("pods", ["get", "list"]), shortNames: ["po"] },
        resource("pods/exec", ["create", "get"]),
      ],
    },
    "/api/v1/namespaces/default/pods/web": pod,
    "/version": { major: "1", minor: "36", gitVersion: "v1.36.0" },
  };
  const server = createServer((request, response) => {
    const document = documents[request.url!.split("?")[0]!];
    response.writeHead(document ? 200 : 404, { "content-type": "application/json" });
    response.end(
      JSON.stringify(
        document ?? { kind: "Status", apiVersion: "v1", status: "Failure", code: 404, reason: "NotFound" },
      ),
    );
  });
  const names: Record<string, string> = { stdin: "input", stdout: "output", stderr: "error" };
  const protocols: string[] = [];
  server.on("upgrade", (request: IncomingMessage, socket, head) => {
    protocols.push(request.headers["sec-websocket-protocol"] ?? request.headers.upgrade ?? "");
    const url = new URL(request.url!, "http://api");
    const [, namespace, name, verb] = /^\/api\/v1\/namespaces\/(\w+)\/pods\/(\w+)\/(\w+)$/.exec(url.pathname)!;
    const query = new URLSearchParams();
    for (const [key, value] of url.searchParams) {
      if (key !== "container") query.append(names[key] ?? key, value === "true" ? "1" : value);
    }
    const path =
      verb === "portforward"
        ? `/portForward/${namespace}/${name}?${query}`
        : `/${verb}/${namespace}/${name}/${url.searchParams.get("container")}?${query}`;
    const upstream = connectTls({ port: kubeletPort, host: "127.0.0.1", ...tls }, () => {
      const lines = [`${request.method} ${path} HTTP/1.1`];
      for (let at = 0; at < request.rawHeaders.length; at += 2)
        lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      upstream.write(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), head]));
      joinStreams(socket, upstream);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    /** What was asked for in upgrades. */
    protocols,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
