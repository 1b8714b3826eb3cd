import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { type HttpsServer, httpsServer, testCertificates } from "./https.fixture.ts";
import { send } from "./server.fixture.ts";

let https: HttpsServer;
let admin: { cert: string; key: string; ca: string };
let directory: string;
before(async () => {
  https = await httpsServer();
  await https.server.ready;
  const { certificatePem, privateKeyPem } = https.certificates.user("admin", ["system:masters"]);
  admin = { cert: certificatePem, key: privateKeyPem!, ca: https.certificates.authority.certificatePem };
  directory = await mkdtemp(join(tmpdir(), "knarr-https-"));
});
after(async () => {
  await https.server.close(0);
  await rm(directory, { recursive: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

function http1(path: string, options: object = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(
      { host: "127.0.0.1", port: https.port, path, ca: admin.ca, agent: false, ...options },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
        );
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}

function http2(
  path: string,
  headers: Record<string, string | string[]> = {},
  body?: string,
  tls: object = admin,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${https.port}`, { ca: admin.ca, ...tls });
    session.on("error", reject);
    const stream = session.request({ ":path": path, ...headers }, { endStream: body === undefined });
    let head: Answer["headers"] = {};
    const chunks: Buffer[] = [];
    stream.on("response", (received) => {
      head = received as Answer["headers"];
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      session.close();
      resolve({ status: Number(head[":status"]), headers: head, body: Buffer.concat(chunks) });
    });
    if (body !== undefined) stream.end(body);
  });
}

const NAMESPACES = "/api/v1/namespaces";

test("a client certificate tells who the client is, over either protocol", async () => {
  for (const answer of [await http1(NAMESPACES, admin), await http2(NAMESPACES)]) {
    assert.equal(answer.status, 200);
    assert.equal(JSON.parse(answer.body.toString()).kind, "NamespaceList");
    assert.ok(answer.headers["audit-id"]);
    assert.equal(Number(answer.headers["content-length"]), answer.body.length);
  }
  const nobody = https.certificates.user("jane");
  const refused = await http1(NAMESPACES, { cert: nobody.certificatePem, key: nobody.privateKeyPem });
  assert.match(JSON.parse(refused.body.toString()).message, /User "jane" cannot list/);
});

test("without credentials a client is anonymous; with bad ones it is nobody", async () => {
  const anonymous = await http1(NAMESPACES);
  assert.equal(anonymous.status, 403);
  assert.match(JSON.parse(anonymous.body.toString()).message, /User "system:anonymous"/);
  assert.equal((await http1("/version")).status, 200);
  const foreign = testCertificates().user("admin", ["system:masters"]);
  const stranger = { cert: foreign.certificatePem, key: foreign.privateKeyPem };
  assert.equal((await http1(NAMESPACES, stranger)).status, 401);
  assert.equal((await http2(NAMESPACES, {}, undefined, stranger)).status, 401);
  assert.equal((await http1(NAMESPACES, { headers: { authorization: "Bearer x" } })).status, 401);
});

test("headers that come several times are told apart", async () => {
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const groups = ["a, b", "c"];
  const headers = { "content-type": "application/json", "impersonate-user": "jane", "impersonate-group": groups };
  for (const answer of [
    await http1(path, { ...admin, method: "POST", headers }, "{}"),
    await http2(path, { ":method": "POST", ...headers }, "{}"),
  ]) {
    assert.deepEqual(JSON.parse(answer.body.toString()).status.userInfo.groups, [...groups, "system:authenticated"]);
  }
});

test("objects are written over either protocol", async () => {
  const path = `${NAMESPACES}/default/configmaps`;
  const headers = { "content-type": "application/json" };
  const first = await http1(path, { ...admin, method: "POST", headers }, JSON.stringify({ metadata: { name: "h1" } }));
  assert.equal(first.status, 201);
  const body = JSON.stringify({ metadata: { name: "h2" } });
  assert.equal((await http2(path, { ":method": "POST", ...headers }, body)).status, 201);
  const head = await http1(`${path}/h1`, { ...admin, method: "HEAD" });
  assert.deepEqual([head.status, head.body.length], [200, 0]);
});

test("bodies beyond the limit are refused, announced or not", async () => {
  const path = `${NAMESPACES}/default/configmaps`;
  const big = "x".repeat(3 * 1024 * 1024 + 1);
  const headers = { "content-type": "application/json" };
  assert.equal((await http2(path, { ":method": "POST", ...headers }, big)).status, 413);
  const announced = { ...headers, "content-length": String(big.length) };
  assert.equal((await http2(path, { ":method": "POST", ...announced }, big)).status, 413);
});

test("big answers are compressed for who takes that, and come whole to who doesn't", async () => {
  const data = { a: "knarr ".repeat(40_000) };
  await send(https.server, "POST", `${NAMESPACES}/default/configmaps`, { metadata: { name: "big" }, data });
  const path = `${NAMESPACES}/default/configmaps/big`;
  const packed = await http2(path, { "accept-encoding": "gzip" });
  assert.equal(packed.headers["content-encoding"], "gzip");
  assert.ok(packed.body.length < 20_000);
  assert.deepEqual(JSON.parse(gunzipSync(packed.body).toString()).data, data);
  for (const plain of [await http2(path, { "accept-encoding": "gzip;q=0" }), await http1(path, admin)]) {
    assert.equal(plain.headers["content-encoding"], undefined);
    assert.deepEqual(JSON.parse(plain.body.toString()).data, data);
  }
});

test("people's tools get indented JSON", async () => {
  const pretty = await http1(`${NAMESPACES}/default`, { ...admin, headers: { "user-agent": "curl/8" } });
  assert.match(pretty.body.toString(), /^\{\n {2}"/);
  const asked = await http1(`${NAMESPACES}/default?pretty=true`, admin);
  assert.match(asked.body.toString(), /^\{\n {2}"/);
});

test("a watch streams over either protocol until the client leaves", async () => {
  const path = `${NAMESPACES}/default/secrets?watch=1`;
  const create = (name: string) => send(https.server, "POST", `${NAMESPACES}/default/secrets`, { metadata: { name } });
  const session = connectHttp2(`https://127.0.0.1:${https.port}`, admin);
  const stream = session.request({ ":path": path });
  const seen = new Promise<string>((resolve) => stream.on("data", (chunk: Buffer) => resolve(chunk.toString())));
  await new Promise((resolve) => stream.on("response", resolve));
  await create("s1");
  assert.match(await seen, /^\{"type":"ADDED","object":\{"kind":"Secret"/);
  session.destroy();

  await new Promise<void>((resolve, reject) => {
    const sent = httpsRequest({ host: "127.0.0.1", port: https.port, path, ...admin, agent: false }, (response) => {
      response.once("data", (chunk: Buffer) => {
        assert.match(chunk.toString(), /s1/);
        sent.destroy();
        resolve();
      });
    });
    sent.on("error", reject);
    sent.end();
  });
  const metrics = async () => (await send(https.server, "GET", "/metrics")).text;
  const none = /apiserver_longrunning_requests\{verb="WATCH",[^\n]*resource="secrets",[^\n]*\} 0\n/;
  for (let round = 0; round < 200 && !none.test(await metrics()); round++) {
    await new Promise(setImmediate);
  }
  assert.match(await metrics(), none);
});

test("garbage on the wire costs one connection", async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port: https.port, ca: admin.ca, ALPNProtocols: ["http/1.1"] });
    let text = "";
    socket.on("secureConnect", () => socket.write("NONSENSE\r\n\r\n"));
    socket.on("data", (chunk) => {
      text += chunk.toString();
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.equal((await http1("/api/v1/%ZZ", admin)).status, 400);
  assert.equal((await http1("/livez", admin)).status, 200);
});

test("a server that closes ends its watches, lets requests finish, and frees the port", async () => {
  const other = await httpsServer();
  await other.server.ready;
  const { certificatePem, privateKeyPem } = other.certificates.user("admin", ["system:masters"]);
  const ca = other.certificates.authority.certificatePem;
  const session = connectHttp2(`https://127.0.0.1:${other.port}`, { ca, cert: certificatePem, key: privateKeyPem });
  session.on("error", () => {});
  const stream = session.request({ ":path": "/api/v1/pods?watch=1" });
  await new Promise((resolve) => stream.on("response", resolve));
  const ended = new Promise((resolve) => stream.on("end", resolve));
  stream.resume();
  // A connection that waits for its next request must not hold up the end either.
  const agent = new Agent({ keepAlive: true });
  const idle = { agent, port: other.port, ca, cert: certificatePem, key: privateKeyPem };
  assert.equal((await http1("/livez", idle)).status, 200);
  await Promise.all([other.server.close(60_000), ended]);
  agent.destroy();
  await assert.rejects(
    new Promise((resolve, reject) =>
      connectTls({ host: "127.0.0.1", port: other.port }, () => resolve(0)).on("error", reject),
    ),
    /ECONNREFUSED/,
  );
});

const KUBECTLS = ["/usr/local/bin/kubectl-1.36", "/usr/bin/kubectl"].filter(existsSync);
for (const kubectl of KUBECTLS) {
  test(`${kubectl} works with it`, async () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const kubeconfig = join(directory, "kubeconfig");
    const server = `https://127.0.0.1:${https.port}`;
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        "current-context": "c",
        contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
        clusters: [{ name: "c", cluster: { server, "certificate-authority-data": base64(admin.ca) } }],
        users: [
          {
            name: "u",
            user: { "client-certificate-data": base64(admin.cert), "client-key-data": base64(admin.key) },
          },
        ],
      }),
    );
    const run = async (...args: string[]) =>
      (
        await promisify(execFile)(kubectl, [
          "--kubeconfig",
          kubeconfig,
          "--cache-dir",
          join(directory, "cache"),
          ...args,
        ])
      ).stdout;
    assert.match(await run("get", "namespaces"), /^NAME +STATUS +AGE\ndefault +Active/);
    assert.match(await run("create", "configmap", "k", "--from-literal=a=b"), /configmap\/k created/);
    assert.match(await run("label", "configmap", "k", "x=y"), /configmap\/k labeled/);
    assert.equal(await run("get", "cm", "k", "-o", "jsonpath={.data.a}{.metadata.labels.x}"), "by");
    assert.match(await run("api-resources", "--api-group=apps"), /deployments +deploy +apps\/v1 +true +Deployment/);
    assert.match(await run("delete", "configmap", "k"), /configmap "k" deleted/);
    await assert.rejects(run("get", "configmap", "k"), /Error from server \(NotFound\): configmaps "k" not found/);
  });
}
