import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { after, before, test } from "node:test";
import type { TLSSocket } from "node:tls";
import WebSocket from "ws";
import { memoryStore } from "../../store/memory.ts";
import { type HttpsServer, httpsServer, testCertificates } from "../https.fixture.ts";
import { send } from "../server.fixture.ts";

const POD = "/api/v1/namespaces/default/pods/p";
const certificates = testCertificates();
const store = memoryStore();
let https: HttpsServer;
let kubelet: Server;
let backend: Server;
/** What the kubelet and the pod were asked. */
const asked: string[] = [];
let admin: { cert: string; key: string; ca: string };

before(async () => {
  const serving = certificates.server("kubelet");
  kubelet = createTlsServer(
    {
      cert: serving.certificatePem,
      key: serving.privateKeyPem,
      ca: certificates.authority.certificatePem,
      requestCert: true,
    },
    answerKubelet,
  ) as unknown as Server;
  kubelet.on("upgrade", answerUpgrade);
  backend = createServer(answerBackend);
  await Promise.all(
    [kubelet, backend].map((one) => new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve))),
  );

  const client = certificates.user("kube-apiserver", ["system:masters"]);
  https = await httpsServer({
    store,
    kubeletClient: {
      certificate: client.certificatePem,
      key: client.privateKeyPem!,
      ca: certificates.authority.certificatePem,
    },
  });
  await https.server.ready;
  const user = https.certificates.user("admin", ["system:masters"]);
  admin = { cert: user.certificatePem, key: user.privateKeyPem!, ca: https.certificates.authority.certificatePem };
  await makeObjects();
});
after(async () => {
  await https.server.close(0);
  kubelet.closeAllConnections();
  kubelet.close();
  backend.close();
});

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const make = async (path: string, body: Record<string, unknown>) => {
  const { status, text, json } = await send(https.server, "POST", path, body);
  assert.equal(status, 201, text);
  const { status: part } = body as { status?: object };
  const { name } = body["metadata"] as { name: string };
  if (part) await send(https.server, "PUT", `${path}/${name}/status`, { ...json, status: part });
};

async function makeObjects() {
  const endpoint = { Port: portOf(kubelet) };
  await make("/api/v1/nodes", {
    metadata: { name: "n" },
    status: {
      addresses: [
        { type: "Hostname", address: "n.invalid" },
        { type: "InternalIP", address: "127.0.0.1" },
      ],
      daemonEndpoints: { kubeletEndpoint: endpoint },
    },
  });
  await make("/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  for (const name of ["p", "proxy-p"]) {
    await make("/api/v1/namespaces/default/pods", {
      metadata: { name },
      spec: {
        nodeName: "n",
        containers: [
          { name: "a", image: "i", ports: [{ name: "http", containerPort: portOf(backend) }] },
          { name: "b", image: "i" },
        ],
      },
      status: { phase: "Running", podIP: "127.0.0.1", podIPs: [{ ip: "127.0.0.1" }] },
    });
  }
  await make("/api/v1/namespaces/default/services", {
    metadata: { name: "s" },
    spec: { ports: [{ name: "web", port: 80 }] },
  });
  // The API would not take a loopback address, the only one that a test can count on.
  const slice = {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    metadata: { name: "s-1", namespace: "default", labels: { "kubernetes.io/service-name": "s" } },
    addressType: "IPv4",
    endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
    ports: [{ name: "web", port: portOf(backend) }],
  };
  await store.compareAndSwap("/registry/endpointslices/default/s-1", 0, Buffer.from(JSON.stringify(slice)));
}

function answerKubelet(request: IncomingMessage, response: ServerResponse) {
  const { subject } = (request.socket as TLSSocket).getPeerCertificate();
  asked.push(`${request.method} ${request.url} as ${subject.CN}`);
  response.setHeader("content-type", "text/plain");
  response.write("first line\n");
  setImmediate(() => response.end("second line\n"));
}

/** Echoes in capitals, after telling what it was asked; refuses the container "b". */
function answerUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
  asked.push(`${request.method} ${request.url} to ${request.headers.upgrade}`);
  socket.on("error", () => {});
  if (request.url!.includes("/b?")) {
    socket.end("HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nno");
    return;
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n` +
      `X-Protocols: ${request.headers["sec-websocket-protocol"] ?? request.headers["x-stream-protocol-version"]}\r\n\r\nhello `,
  );
  const echo = (chunk: Buffer) => socket.write(chunk.toString().toUpperCase());
  if (head.length > 0) echo(head);
  socket.on("data", echo);
}

function answerBackend(request: IncomingMessage, response: ServerResponse) {
  if (request.url === "/moved") {
    response.writeHead(302, { location: `http://127.0.0.1:${portOf(backend)}/new` }).end();
    return;
  }
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => response.end(`${request.method} ${request.url} ${request.headers.authorization} ${body}`));
}

const get = (path: string) => send(https.server, "GET", path);

test("a log comes from the pod's kubelet, whole", async () => {
  const log = await get(`${POD}/log?container=a&follow=true&tailLines=5&previous=false`);
  assert.deepEqual([log.status, log.text], [200, "first line\nsecond line\n"]);
  assert.equal(asked.at(-1), "GET /containerLogs/default/p/a?follow=true&tailLines=5 as kube-apiserver");
});

test("the container must be named where there are several, and be one of the pod's", async () => {
  const unnamed = await get(`${POD}/log`);
  assert.equal(unnamed.status, 400);
  assert.match(unnamed.text, /a container name must be specified for pod p, choose one of: \[a b\]/);
  assert.match((await get(`${POD}/log?container=x`)).text, /container x is not valid for pod p/);
  assert.equal((await get(`${POD}/log?container=a&tailLines=-1`)).status, 422);
  assert.equal((await get("/api/v1/namespaces/default/pods/none/log")).status, 404);
});

/** The messages that come in a WebSocket until it is closed, or until `enough` are there; rejects with what refused it. */
function messages(path: string, protocols: string[], enough = Number.POSITIVE_INFINITY): Promise<(string | Buffer)[]> {
  const socket = new WebSocket(`wss://127.0.0.1:${https.port}${path}`, protocols, { ...admin, agent: false });
  const received: (string | Buffer)[] = [];
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (data: Buffer, isBinary) => {
      received.push(isBinary ? data : data.toString());
      if (received.length >= enough) socket.close();
    });
    socket.on("close", () => resolve(received));
  });
}

test("a log comes in a WebSocket too, after an empty message", async () => {
  const path = `${POD}/log?container=a&follow=true`;
  for (const protocols of [[], ["binary.k8s.io"]]) {
    const [greeting, ...rest] = (await messages(path, protocols)) as Buffer[];
    assert.equal(greeting!.length, 0);
    assert.equal(Buffer.concat(rest).toString(), "first line\nsecond line\n");
  }
  const token = "base64url.bearer.authorization.k8s.io.abc";
  const [, ...base64] = await messages(path, [token, "base64.binary.k8s.io"]);
  assert.equal(base64.map((part) => Buffer.from(part as string, "base64")).join(""), "first line\nsecond line\n");
  assert.equal(asked.at(-1), "GET /containerLogs/default/p/a?follow=true as kube-apiserver");
  await assert.rejects(messages(path, ["v5.channel.k8s.io"]), /403/);
  await assert.rejects(messages(`${POD}/log?container=x`, []), /400/);
});

test("each event of a watch is a message of a WebSocket", async () => {
  const path = "/api/v1/namespaces/default/pods?watch=true&fieldSelector=metadata.name%3Dp";
  for (const protocols of [[], ["any.protocol"]]) {
    const [event] = await messages(path, protocols, 1);
    const { type, object } = JSON.parse(event as string);
    assert.deepEqual([type, object.metadata.name], ["ADDED", "p"]);
  }
});

/** Asks for another protocol; resolves with the answer's head and what was echoed, or with the refusal. */
function upgrade(
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<{ head: IncomingMessage; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest({
      host: "127.0.0.1",
      port: https.port,
      method,
      path,
      ...admin,
      agent: false,
      headers: { connection: "Upgrade", ...headers },
    });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ head: response, text }));
    });
    sent.on("upgrade", (head, socket, first) => {
      let text = first.toString();
      socket.on("data", (chunk) => {
        text += chunk;
        if (!text.includes("THERE")) return;
        socket.destroy();
        resolve({ head, text });
      });
      socket.on("error", reject);
      socket.write("you there");
    });
    sent.end();
  });
}

test("exec passes WebSocket and SPDY through unchanged", async () => {
  const webSocket = await upgrade(
    "GET",
    `${POD}/exec?container=a&command=ls&command=-l&stdout=true&tty=false&stdin=1`,
    {
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "x",
      "sec-websocket-protocol": "base64url.bearer.authorization.k8s.io.abc, v5.channel.k8s.io",
    },
  );
  assert.equal(webSocket.text, "hello YOU THERE");
  assert.equal(webSocket.head.headers["x-protocols"], "v5.channel.k8s.io");
  assert.equal(asked.at(-1), "GET /exec/default/p/a?input=1&output=1&command=ls&command=-l to websocket");

  const spdy = await upgrade("POST", `${POD}/portforward`, {
    upgrade: "SPDY/3.1",
    "x-stream-protocol-version": "portforward.k8s.io",
  });
  assert.equal(spdy.text, "hello YOU THERE");
  assert.equal(asked.at(-1), "POST /portForward/default/p to SPDY/3.1");
});

test("what the kubelet refuses is refused, and without an upgrade nothing is done", async () => {
  const refused = await upgrade("GET", `${POD}/attach?container=b&stdout=1`, { upgrade: "websocket" });
  assert.deepEqual([refused.head.statusCode, refused.text], [403, "no"]);
  const plain = await get(`${POD}/exec?container=a&command=ls`);
  assert.equal(plain.status, 400);
  assert.match(plain.text, /Upgrade request required/);
  const missing = await upgrade("GET", "/api/v1/namespaces/default/pods/none/exec?command=ls", {
    upgrade: "websocket",
  });
  assert.equal(missing.head.statusCode, 404);
});

test("the right to read pods is not enough for a WebSocket exec", async () => {
  const rules = [{ apiGroups: [""], resources: ["pods/exec"], verbs: ["get"] }];
  await make("/apis/rbac.authorization.k8s.io/v1/clusterroles", { metadata: { name: "reader" }, rules });
  await make("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reader" },
    subjects: [{ kind: "User", name: "reader", apiGroup: "rbac.authorization.k8s.io" }],
  });
  const user = { name: "reader", groups: [] };
  let answer = await send(https.server, "GET", `${POD}/exec?command=ls`, undefined, { user });
  // The authorizer follows the bindings and may be a moment behind.
  for (let round = 0; round < 100 && /cannot get/.test(answer.text); round++) {
    await new Promise(setImmediate);
    answer = await send(https.server, "GET", `${POD}/exec?command=ls`, undefined, { user });
  }
  assert.equal(answer.status, 403);
  assert.match(answer.text, /cannot create resource \\"pods\/exec\\"/);
});

test("pods, services and nodes are reached by HTTP", async () => {
  const pod = await get(`${POD}:http/proxy/a/b?c=d%2Fe`);
  assert.equal(pod.text, "GET /a/b?c=d%2Fe undefined ");
  const service = await send(https.server, "POST", "/api/v1/namespaces/default/services/s:web/proxy/x", "body", {
    headers: { "content-type": "text/plain", authorization: "Bearer secret" },
  });
  assert.equal(service.text, "POST /x undefined body");
  assert.equal((await get("/api/v1/namespaces/default/pods/proxy-p/proxy/a")).text, "GET /a undefined ");
  assert.equal((await get("/api/v1/namespaces/default/pods/p%2Fproxy")).status, 404);
  const options = await send(https.server, "OPTIONS", `${POD}/proxy/x`);
  assert.equal(options.text, "OPTIONS /x undefined ");
  const node = await get("/api/v1/nodes/n/proxy/pods/");
  assert.equal(node.status, 200);
  assert.equal(asked.at(-1), "GET /pods/ as kube-apiserver");
  const bare = await get(`${POD}/proxy`);
  assert.deepEqual([bare.status, bare.headers["location"]], [301, `${POD}/proxy/`]);
  const query = await send(https.server, "HEAD", `${POD}/proxy?a=/b`);
  assert.deepEqual([query.status, query.headers["location"]], [301, `${POD}/proxy/?a=/b`]);
  const moved = await get(`${POD}/proxy/moved`);
  assert.deepEqual([moved.status, moved.headers["location"]], [302, `${POD}/proxy/new`]);
});

test("what can't be reached says why", async () => {
  await make("/api/v1/namespaces/default/services", { metadata: { name: "empty" }, spec: { ports: [{ port: 80 }] } });
  const empty = await get("/api/v1/namespaces/default/services/empty/proxy/");
  assert.deepEqual([empty.status], [503]);
  assert.match(empty.text, /no endpoints available for service \\"empty\\"/);
  const closed = await get(`${POD}:1/proxy/`);
  assert.equal(closed.status, 503);
  assert.match(closed.text, /error trying to reach service: dial tcp 127\.0\.0\.1:1: connect: connection refused/);
  assert.equal((await get("/api/v1/nodes/none/proxy/")).status, 404);
});
