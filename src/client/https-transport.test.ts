import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { systemFiles } from "../base/files.ts";
import { systemNetwork } from "../base/network.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { testHttpsServer } from "./https-server.fixture.ts";
import { type HttpsTransportOptions, httpsTransport } from "./https-transport.ts";
import { testCertificates } from "./test-certificates.fixture.ts";
import { type ContractAnswer, type ContractRequest, transportContract } from "./transport.contract.ts";
import { readBody } from "./transport.ts";

const clock = systemClock();
const connectTo = (server: string, options: Partial<HttpsTransportOptions> = {}) =>
  httpsTransport({ network: systemNetwork, clock, server, ca: testCertificates.ca, ...options });

for (const protocol of ["h2", "http/1.1"] as const) {
  transportContract(`https over ${protocol}`, async (handler) => {
    const server = await testHttpsServer(handler, { protocol });
    const transport = connectTo(server.url);
    return {
      transport,
      async stop() {
        await transport.close();
        await server.stop();
      },
    };
  });

  suite(`https transport over ${protocol}`, () => {
    const serving = async (
      handler: (request: ContractRequest) => ContractAnswer,
      run: (server: Awaited<ReturnType<typeof testHttpsServer>>) => Promise<void>,
    ) => {
      const server = await testHttpsServer(handler, { protocol });
      try {
        await run(server);
      } finally {
        await server.stop();
      }
    };
    const hello = (): ContractAnswer => ({ status: 200, chunks: ["hello"] });

    test("proves itself with a client certificate", () =>
      serving(
        (request) => ({ status: 200, chunks: [request.headers["x-client"] ?? "nobody"] }),
        async (server) => {
          const transport = connectTo(server.url, {
            certificate: testCertificates.clientCertificate,
            key: testCertificates.clientKey,
          });
          assert.equal(await readBody(await transport.request({ method: "GET", path: "/" })), "alice");
          await transport.close();
        },
      ));

    test("many short answers at once arrive whole", () =>
      serving(
        ({ body }) => ({ status: 201, chunks: ["x".repeat(body.length % 7 === 0 ? 200_000 : 500)] }),
        async (server) => {
          const transport = connectTo(server.url);
          const post = async (length: number) => {
            const body = "y".repeat(length);
            const response = await transport.request({ method: "POST", path: "/", body });
            return (await readBody(response)).length;
          };
          for (let round = 0; round < 10; round++) {
            const lengths = Array.from({ length: 30 }, (_, index) => (index % 5 === 0 ? 100_002 : 2 + index));
            const answers = await Promise.all(lengths.map(post));
            assert.deepEqual(
              answers,
              lengths.map((length) => (length % 7 === 0 ? 200_000 : 500)),
            );
          }
          await transport.close();
        },
      ));

    test("does not trust an unknown authority, and says so", () =>
      serving(hello, async (server) => {
        const transport = connectTo(server.url, { ca: undefined });
        await assert.rejects(transport.request({ method: "GET", path: "/" }), {
          name: "ConnectionError",
          message: /unable to (verify|get)|self-signed/,
        });
        await transport.close();
        const trusting = connectTo(server.url, { ca: undefined, insecureSkipTlsVerify: true });
        assert.equal(await readBody(await trusting.request({ method: "GET", path: "/" })), "hello");
        await trusting.close();
      }));

    test("checks the server's name", () =>
      serving(hello, async (server) => {
        const transport = connectTo(server.url, { serverName: "elsewhere" });
        await assert.rejects(transport.request({ method: "GET", path: "/" }), /elsewhere/);
        await transport.close();
      }));

    test("reconnects after the connection was lost", () =>
      serving(hello, async (server) => {
        const transport = connectTo(server.url);
        for (let round = 0; round < 3; round++) {
          assert.equal(await readBody(await transport.request({ method: "GET", path: "/" })), "hello");
          server.cut();
        }
        assert.ok(server.connections >= 3);
        await transport.close();
      }));

    test("a body that is cut rejects", () =>
      serving(
        () => ({ status: 200, chunks: ["half"], hold: true }),
        async (server) => {
          const transport = connectTo(server.url);
          const response = await transport.request({ method: "GET", path: "/" });
          const body = response.body[Symbol.asyncIterator]();
          await body.next();
          const rest = body.next();
          server.cut();
          await assert.rejects(rest, { name: "ConnectionError" });
          await transport.close();
        },
      ));

    test("a path in the server's address comes before the API's", () =>
      serving(
        (request) => ({ status: 200, chunks: [request.path] }),
        async (server) => {
          const transport = connectTo(`${server.url}/clusters/one/`);
          const response = await transport.request({ method: "GET", path: "/version" });
          assert.equal(await readBody(response), "/clusters/one/version");
          await transport.close();
        },
      ));
  });
}

test("connection refused is a ConnectionError that names the server", async () => {
  const server = await testHttpsServer(() => ({ status: 200, chunks: [] }));
  await server.stop();
  const transport = connectTo(server.url);
  await assert.rejects(transport.request({ method: "GET", path: "/" }), {
    name: "ConnectionError",
    message: new RegExp(`127\\.0\\.0\\.1:${server.port}.*ECONNREFUSED`),
  });
  await transport.close();
});

test("requests and watches share one HTTP/2 connection until its streams are used up", async () => {
  const server = await testHttpsServer((request) => ({ status: 200, chunks: ["x"], hold: request.path === "/watch" }), {
    maxConcurrentStreams: 10,
  });
  const transport = connectTo(server.url);
  const abort = new AbortController();
  const watch = () => transport.request({ method: "GET", path: "/watch", signal: abort.signal });
  await readBody(await transport.request({ method: "GET", path: "/" }));
  for (let i = 0; i < 9; i++) await watch();
  await readBody(await transport.request({ method: "GET", path: "/" }));
  assert.equal(server.connections, 1);
  await watch();
  await watch();
  assert.equal(server.connections, 2);
  abort.abort();
  await transport.close();
  await server.stop();
});

test("a token file is read again after a minute", async () => {
  const server = await testHttpsServer((request) => ({
    status: 200,
    chunks: [request.headers["authorization"] ?? ""],
  }));
  const directory = await mkdtemp(join(tmpdir(), "token-"));
  const tokenFile = join(directory, "token");
  const time = virtualClock();
  await writeFile(tokenFile, "first\n");
  const transport = connectTo(server.url, { tokenFile, files: systemFiles, clock: time });
  const ask = async () => readBody(await transport.request({ method: "GET", path: "/" }));
  assert.equal(await ask(), "Bearer first");
  await writeFile(tokenFile, "second\n");
  assert.equal(await ask(), "Bearer first");
  await time.advance(60_000);
  assert.equal(await ask(), "Bearer second");
  await rm(tokenFile);
  await time.advance(60_000);
  assert.equal(await ask(), "Bearer second");
  await transport.close();
  await server.stop();
  await rm(directory, { recursive: true });
});

test("a connection that does not answer pings is given up", async () => {
  const { createServer, connect } = await import("node:net");
  const server = await testHttpsServer(() => ({ status: 200, chunks: ["x"], hold: true }));
  // A wire between the two that can be made to swallow everything.
  let swallow = false;
  const wire = createServer((near) => {
    const far = connect(server.port, "127.0.0.1");
    near.on("data", (data) => swallow || far.write(data));
    far.on("data", (data) => swallow || near.write(data));
    for (const socket of [near, far]) socket.on("error", () => {});
    near.on("close", () => far.destroy());
  });
  await new Promise<void>((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const { port } = wire.address() as { port: number };
  const time = virtualClock();
  const transport = connectTo(`https://127.0.0.1:${port}`, { clock: time });
  const response = await transport.request({ method: "GET", path: "/" });
  const body = response.body[Symbol.asyncIterator]();
  await body.next();
  const rest = assert.rejects(body.next(), { name: "ConnectionError", message: /ping/ });
  swallow = true;
  await time.advance(60_000);
  await time.advance(60_000);
  await rest;
  await transport.close();
  wire.close();
  await server.stop();
});
