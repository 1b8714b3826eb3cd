import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Pod } from "../../api/types/core.v1.ts";
import { silentLogger } from "../../base/logger.ts";
import { systemMachine } from "../../base/machine.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { issue, newAuthority } from "../../base/x509.ts";
import { type ContainerStatus, type Runtime, RuntimeError } from "../runtime.ts";
import { type KubeletServer, type KubeletServerOptions, startKubeletServer } from "./server.ts";

const DAY = 86_400_000;
const pod: Pod = {
  metadata: { name: "web", namespace: "default", uid: "u1" },
  spec: { containers: [{ name: "main", tty: true }, { name: "waiting" }] },
  status: {
    phase: "Running",
    containerStatuses: [
      {
        name: "main",
        image: "img",
        imageID: "",
        ready: true,
        restartCount: 0,
        containerID: "containerd://c1",
        state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
      },
    ],
  },
};

describe("the kubelet's server", () => {
  const machine = systemMachine({ keepAlive: true });
  const now = Date.now();
  const authority = newAuthority({ commonName: "ca", now, validityMs: DAY });
  const certify = (commonName: string, organizations: string[], usages: ("client" | "server")[], by = authority) => {
    const made = issue({
      authority: by,
      commonName,
      organizations,
      usages,
      notBefore: now,
      notAfter: now + DAY,
      dnsNames: ["localhost"],
      ipAddresses: ["127.0.0.1"],
    });
    return { cert: made.certificatePem, key: made.privateKeyPem! };
  };
  const admin = certify("admin", ["masters"], ["client"]);
  const nobody = certify("nobody", [], ["client"]);
  const stranger = certify(
    "admin",
    ["masters"],
    ["client"],
    newAuthority({ commonName: "other", now, validityMs: DAY }),
  );
  const calls: unknown[][] = [];
  const unsubscribed = Promise.withResolvers<void>();
  let directory: string;
  let server: KubeletServer;
  let serverOptions: KubeletServerOptions;
  let unhealthy: string | undefined;
  let streaming: ReturnType<typeof createServer>;
  let streamingUrl: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "knarr-kubelet-"));
    await writeFile(join(directory, "0.log"), "2026-01-01T00:00:00Z stdout F hello\n");
    // Stands for the runtime's streaming server: switches to a protocol that says everything back.
    streaming = createServer((_request, response) => response.writeHead(400).end());
    streaming.on("upgrade", (incoming, socket) => {
      if (incoming.url === "/refused")
        return void socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${incoming.headers.upgrade}\r\nConnection: Upgrade\r\nX-Path: ${incoming.url}\r\n\r\n`,
      );
      socket.on("data", (data: Buffer) => socket.write(data.toString().toUpperCase()));
      socket.on("end", () => socket.end("bye"));
    });
    streaming.listen(0, "127.0.0.1");
    await once(streaming, "listening");
    streamingUrl = `http://127.0.0.1:${(streaming.address() as AddressInfo).port}`;
    const record = (name: string, ...args: unknown[]) => void calls.push([name, ...args]);
    const runtime = {
      containerStatus: async (id: string) =>
        id === "c1" ? ({ state: "running", logPath: join(directory, "0.log") } as ContainerStatus) : undefined,
      subscribe: () => ({
        close() {
          unsubscribed.resolve();
        },
      }),
      execUrl: async (id: string, options: object) => {
        record("exec", id, options);
        return `${streamingUrl}/exec-token`;
      },
      attachUrl: async (id: string, options: object) => {
        record("attach", id, options);
        return `${streamingUrl}/refused`;
      },
      portForwardUrl: async (id: string, ports: number[]) => {
        record("portForward", id, ports);
        throw new RuntimeError("not-found", "sandbox is gone");
      },
      execSync: async (_id: string, command: string[]) => ({
        exitCode: command[0] === "fail" ? 3 : 0,
        stdout: Buffer.from(command.join("+")),
        stderr: Buffer.from("!"),
      }),
      stats: async () => [
        {
          id: "c1",
          labels: { "io.kubernetes.pod.uid": "u1", "io.kubernetes.container.name": "main" },
          timestamp: 1_767_225_600_000,
          cpuUsageCoreNanoSeconds: 2_500_000_000,
          memoryWorkingSetBytes: 1000,
          memoryUsageBytes: 2000,
          memoryRssBytes: 500,
          filesystemUsedBytes: 4096,
          filesystemInodesUsed: 3,
        },
      ],
      imageFsInfo: async () => ({ usedBytes: 10, inodesUsed: 1, mountpoint: directory }),
    } as unknown as Runtime;
    const metrics = metricsRegistry();
    metrics.counter("kubelet_things_total", "Things.").with().add(2);
    serverOptions = {
      ...machine,
      logger: silentLogger,
      runtime,
      pods: {
        pods: () => [pod],
        runningContainer: (_pod, name) => (name === "main" ? "c1" : undefined),
        readySandbox: () => "s1",
      },
      access: {
        authenticateToken: async (token) => (token === "good" ? { name: "scraper", groups: [] } : undefined),
        async authorize(user, { verb, subresource }) {
          if (user.groups.includes("masters")) return { allowed: true };
          return { allowed: user.name === "scraper" && verb === "get" && subresource === "metrics" };
        },
      },
      metrics,
      nodeName: "n1",
      rootDir: directory,
      port: 0,
      address: "127.0.0.1",
      certificate: certify("system:node:n1", [], ["server"]),
      clientCa: authority.certificatePem,
      unhealthy: () => unhealthy,
    };
    server = await startKubeletServer(serverOptions);
  });
  after(async () => {
    await server?.close();
    streaming?.closeAllConnections();
    streaming?.close();
    await rm(directory, { recursive: true });
  });

  interface Options {
    as?: { cert: string; key: string };
    token?: string;
    method?: string;
    headers?: Record<string, string>;
  }
  const send = (path: string, { as = admin, token, method = "GET", headers = {} }: Options = {}) =>
    https.request({
      host: "127.0.0.1",
      port: server.port,
      path,
      method,
      ca: authority.certificatePem,
      agent: false,
      ...(token === undefined ? as : {}),
      headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    });
  const get = async (path: string, options?: Options) => {
    const outgoing = send(path, options).end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return {
      code: response.statusCode,
      type: response.headers["content-type"],
      text: Buffer.concat(chunks).toString(),
    };
  };

  test("lets in who has a good certificate or token, and only to what is allowed", async () => {
    assert.equal((await get("/healthz")).code, 200);
    assert.deepEqual(await get("/healthz", { as: nobody }), {
      code: 403,
      type: "text/plain; charset=utf-8",
      text: "Forbidden (user=nobody, verb=get, resource=nodes, subresource(s)=[healthz proxy])\n",
    });
    assert.equal((await get("/healthz", { as: stranger })).code, 401);
    assert.equal((await get("/metrics", { token: "bad" })).code, 401);
    assert.equal((await get("/metrics", { token: "good" })).code, 200);
    assert.equal((await get("/pods", { token: "good" })).code, 403);
    assert.equal((await get("/healthz", { token: "" })).code, 401);
  });

  test("tells its health, its pods and its metrics", async () => {
    assert.equal((await get("/healthz")).text, "ok");
    unhealthy = "the loop is stuck";
    assert.deepEqual([(await get("/healthz")).code, (await get("/healthz/ping")).code], [500, 200]);
    unhealthy = undefined;
    assert.deepEqual(JSON.parse((await get("/pods/")).text), {
      kind: "PodList",
      apiVersion: "v1",
      metadata: {},
      items: [pod],
    });
    assert.match((await get("/metrics")).text, /^kubelet_things_total 2$/m);
    const resource = (await get("/metrics/resource")).text;
    assert.match(
      resource,
      /^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="web"\} 2\.5 1767225600000$/m,
    );
    assert.match(resource, /^pod_memory_working_set_bytes\{namespace="default",pod="web"\} 1000 1767225600000$/m);
    assert.match(resource, /^container_start_time_seconds\{[^}]*\} 1767225600$/m);
    assert.match(resource, /^node_memory_working_set_bytes [1-9]\d+ \d+$/m);
    assert.match(
      (await get("/metrics/cadvisor")).text,
      /^container_memory_rss\{container="main",id="c1",image="img".*\} 500 /m,
    );
    const summary = JSON.parse((await get("/stats/summary")).text);
    assert.equal(summary.node.nodeName, "n1");
    assert.ok(summary.node.memory.workingSetBytes > 0 && summary.node.fs.capacityBytes > 0);
    assert.deepEqual(summary.pods[0].podRef, { name: "web", namespace: "default", uid: "u1" });
    assert.equal(summary.pods[0].containers[0].cpu.usageCoreNanoSeconds, 2_500_000_000);
  });

  test("what isn't there is refused in words", async () => {
    assert.equal((await get("/nothing")).code, 404);
    assert.equal((await get("/configz")).code, 404);
    assert.equal((await get("/pods", { method: "DELETE" })).code, 405);
    assert.equal((await get("/containerLogs/%zz/a/b")).code, 400);
    assert.deepEqual((await get("/containerLogs/default/none/main")).text, 'pod "none" does not exist\n');
    assert.equal((await get("/containerLogs/default/web/other")).text, 'container "other" not found in pod "web"\n');
    const waiting = await get("/containerLogs/default/web/waiting");
    assert.deepEqual([waiting.code, waiting.text], [400, 'container "waiting" in pod "web" is not available\n']);
    assert.equal((await get("/exec/default/web/main?output=1")).text, "Upgrade request required\n");
  });

  test("gives logs, and runs commands", async () => {
    const logs = await get("/containerLogs/default/web/main?timestamps=true");
    assert.deepEqual([logs.code, logs.text], [200, "2026-01-01T00:00:00.000000000Z hello\n"]);
    assert.equal((await get("/run/default/web/main?cmd=echo%20a", { method: "POST" })).text, "echo+a!");
    const failed = await get("/run/default/web/main?cmd=fail", { method: "POST" });
    assert.deepEqual([failed.code, failed.text], [500, "command 'fail' exited with 3: !\n"]);
  });

  test("a long command line is no obstacle", async () => {
    const word = "a".repeat(100_000);
    assert.equal((await get(`/run/default/web/main?cmd=echo%20${word}`, { method: "POST" })).text, `echo+${word}!`);
  });

  test("a followed log ends its file watch when the client goes", async () => {
    const outgoing = send("/containerLogs/default/web/main?follow=true").end();
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const [chunk] = await once(response, "data");
    assert.equal(chunk.toString(), "hello\n");
    response.destroy();
    await unsubscribed.promise;
  });

  const upgrade = { headers: { connection: "Upgrade", upgrade: "SPDY/3.1" }, method: "POST" };
  test("upgraded connections go to the runtime untouched, both half-closes included", async () => {
    const outgoing = send(
      "/exec/default/web/u1/main?command=a&command=b%20c&input=1&output=1&error=1&tty=1",
      upgrade,
    ).end();
    const [response, socket] = (await once(outgoing, "upgrade")) as [IncomingMessage, import("node:net").Socket];
    assert.equal(response.statusCode, 101);
    assert.equal(response.headers["x-path"], "/exec-token");
    assert.deepEqual(calls.at(-1), [
      "exec",
      "c1",
      { stdin: true, stdout: true, stderr: false, tty: true, command: ["a", "b c"] },
    ]);
    socket.end("hello");
    let text = "";
    for await (const chunk of socket) text += chunk;
    assert.equal(text, "HELLObye");
  });

  test("refusals of upgrades are answers", async () => {
    const refusal = async (path: string, options: Options = {}) => {
      const outgoing = send(path, { ...upgrade, ...options }).end();
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      let text = "";
      for await (const chunk of response) text += chunk;
      return [response.statusCode, text.trim()];
    };
    assert.deepEqual(await refusal("/attach/default/web/main?output=1"), [404, "gone"]);
    assert.deepEqual(calls.at(-1), ["attach", "c1", { stdin: false, stdout: true, stderr: false, tty: true }]);
    assert.deepEqual(await refusal("/exec/default/web/main"), [
      400,
      "you must specify at least 1 of stdin, stdout, stderr",
    ]);
    assert.deepEqual(await refusal("/exec/default/web/waiting?output=1"), [500, 'container not found ("waiting")']);
    assert.deepEqual(await refusal("/exec/default/web/other-uid/main?output=1"), [404, "pod does not exist"]);
    assert.deepEqual(await refusal("/portForward/default/web"), [404, "sandbox is gone"]);
    assert.deepEqual(await refusal("/portForward/default/web?port=0"), [400, "invalid port"]);
    assert.deepEqual((await refusal("/exec/default/web/main?output=1", { as: nobody }))[0], 403);
    assert.deepEqual((await refusal("/other", {}))[0], 404);
  });

  test("a new certificate is used for new connections", async () => {
    const other = newAuthority({ commonName: "new", now, validityMs: DAY });
    server.setCertificate(certify("system:node:n1", [], ["server"], other));
    await assert.rejects(get("/healthz"), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    server.setCertificate(certify("system:node:n1", [], ["server"]));
    assert.equal((await get("/healthz")).code, 200);
  });

  test("nothing but TLS is spoken, and an occupied port is an error", async () => {
    const plain = request({ host: "127.0.0.1", port: server.port, path: "/healthz" }).end();
    await assert.rejects(once(plain, "response"));
    await assert.rejects(startKubeletServer({ ...serverOptions, port: server.port }), { code: "EADDRINUSE" });
  });
});
