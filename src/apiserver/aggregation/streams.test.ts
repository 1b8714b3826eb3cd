import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { apiServices, endpointSlices, services } from "../../api/resource-types.ts";
import { httpsServer, testCertificates } from "../https.fixture.ts";
import { adminClient } from "../server.fixture.ts";
import { ENDPOINT, network } from "./network.fixture.ts";

const PATH = "/apis/wardle.example.com/v1alpha1";

test("connections that are upgraded, and answers that go on, pass through", async (t) => {
  const serving = testCertificates().server("sample-api");
  const seen: IncomingMessage[] = [];
  const extension = createServer({ cert: serving.certificatePem, key: serving.privateKeyPem }, (asked, answer) => {
    seen.push(asked);
    answer.writeHead(200, { "content-type": "application/json" });
    if (!asked.url?.includes("watch=")) return answer.end("{}");
    answer.write('{"type":"ADDED"}\n');
    asked.once("close", () => answer.end());
  });
  extension.on("upgrade", (asked: IncomingMessage, socket: Duplex) => {
    seen.push(asked);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  extension.listen(0, "127.0.0.1");
  await once(extension, "listening");
  const { server, port, certificates } = await httpsServer({ network });
  await server.ready;
  t.after(async () => {
    await server.close(0);
    extension.closeAllConnections();
    extension.close();
  });
  const client = adminClient(server);
  await client.resource(services).create({
    metadata: { name: "api", namespace: "default" },
    spec: { ports: [{ port: 443, protocol: "TCP" }] },
  });
  await client.resource(endpointSlices).create({
    metadata: { name: "api-1", namespace: "default", labels: { "kubernetes.io/service-name": "api" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [ENDPOINT] }],
    ports: [{ name: "", port: (extension.address() as AddressInfo).port, protocol: "TCP" }],
  });
  await client.resource(apiServices).create({
    metadata: { name: "v1alpha1.wardle.example.com" },
    spec: {
      ...{ group: "wardle.example.com", version: "v1alpha1", groupPriorityMinimum: 1000, versionPriority: 15 },
      service: { namespace: "default", name: "api" },
      insecureSkipTLSVerify: true,
    },
  });
  const available = async () => {
    const { status } = await client.resource(apiServices).get("v1alpha1.wardle.example.com");
    return status?.conditions?.[0]?.status === "True";
  };
  while (!(await available())) await new Promise(setImmediate);

  const { certificatePem, privateKeyPem } = certificates.user("jane", ["system:masters"]);
  const connection = {
    ...{ host: "127.0.0.1", port, cert: certificatePem, key: privateKeyPem, agent: false as const },
    ca: certificates.authority.certificatePem,
  };
  const upgrading = request({
    ...connection,
    path: `${PATH}/namespaces/x/flunders/a/shell?command=sh`,
    headers: { connection: "Upgrade", upgrade: "echo" },
  }).end();
  const [, socket] = (await once(upgrading, "upgrade")) as [IncomingMessage, Duplex];
  socket.write("hello");
  assert.equal(String((await once(socket, "data"))[0]), "hello");
  socket.destroy();
  assert.equal(seen.at(-1)?.url, `${PATH}/namespaces/x/flunders/a/shell?command=sh`);
  assert.equal(seen.at(-1)?.headers["x-remote-user"], "jane");

  const watching = request({ ...connection, path: `${PATH}/flunders?watch=true` }).end();
  const [response] = (await once(watching, "response")) as [IncomingMessage];
  assert.equal(String((await once(response, "data"))[0]), '{"type":"ADDED"}\n');
  // The end of the client is the end over there.
  const gone = once(seen.at(-1)!.socket, "close");
  response.destroy();
  await gone;
});
