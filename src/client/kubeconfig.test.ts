import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { systemClock } from "../base/clock.ts";
import { systemFiles } from "../base/files.ts";
import { systemNetwork } from "../base/network.ts";
import { testHttpsServer } from "./https-server.fixture.ts";
import { kubeconfigTransport, loadKubeconfig } from "./kubeconfig.ts";
import { testCertificates } from "./test-certificates.fixture.ts";
import { readBody } from "./transport.ts";

suite("kubeconfig", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "kubeconfig-"));
    await writeFile(join(directory, "ca.crt"), testCertificates.ca);
    await writeFile(join(directory, "token"), "from-file");
  });
  after(() => rm(directory, { recursive: true }));
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const write = async (user: string, server = "https://10.0.0.1:6443", cluster = ""): Promise<string> => {
    const path = join(directory, "config");
    await writeFile(
      path,
      `apiVersion: v1
kind: Config
current-context: main
contexts:
- name: main
  context: {cluster: c, user: u, namespace: shop}
- name: dangling
  context: {cluster: gone, user: u}
clusters:
- name: c
  cluster:
    server: ${server}
    certificate-authority: ca.crt
${cluster}
users:
- name: u
  user: ${user}
`,
    );
    return path;
  };

  test("the current context gives server, trust and identity; files are relative to it", async () => {
    const path = await write(
      `{client-certificate-data: ${base64(testCertificates.clientCertificate)}, client-key-data: ${base64(testCertificates.clientKey)}}`,
    );
    const context = await loadKubeconfig(path, systemFiles);
    assert.equal(context.name, "main");
    assert.equal(context.namespace, "shop");
    assert.equal(context.connection.server, "https://10.0.0.1:6443");
    assert.equal(Buffer.from(context.connection.ca!).toString(), testCertificates.ca);
    assert.equal(Buffer.from(context.connection.key!).toString(), testCertificates.clientKey);
  });

  test("its transport reaches the server as that user", async () => {
    const server = await testHttpsServer((request) => ({
      status: 200,
      chunks: [`${request.headers["x-client"] ?? "-"} ${request.headers["authorization"] ?? "-"}`],
    }));
    const effects = { network: systemNetwork, clock: systemClock(), files: systemFiles };
    const ask = async (user: string) => {
      const { transport } = await kubeconfigTransport(await write(user, server.url), effects);
      const text = await readBody(await transport.request({ method: "GET", path: "/" }));
      await transport.close();
      return text;
    };
    assert.equal(
      await ask(
        `{client-certificate-data: ${base64(testCertificates.clientCertificate)}, client-key-data: ${base64(testCertificates.clientKey)}}`,
      ),
      "alice -",
    );
    assert.equal(await ask("{token: secret}"), "- Bearer secret");
    assert.equal(await ask("{tokenFile: token}"), "- Bearer from-file");
    assert.equal(await ask("{username: a, password: b}"), `- Basic ${base64("a:b")}`);
    await server.stop();
  });

  test("impersonation becomes headers", async () => {
    const { headers } = await loadKubeconfig(await write("{as: jane, as-groups: [devs]}"), systemFiles);
    assert.deepEqual(headers, { "impersonate-user": "jane", "impersonate-group": "devs" });
  });

  for (const [what, user, options, message] of [
    ["credential plugins", "{exec: {command: aws}}", {}, /exec, which is not supported/],
    ["auth providers", "{auth-provider: {name: gcp}}", {}, /auth-provider, which is not supported/],
    ["an unknown context", "{}", { context: "nope" }, /no context "nope"/],
    ["a dangling cluster", "{}", { context: "dangling" }, /no cluster "gone"/],
  ] as const) {
    test(`${what}: refused with a clear error`, async () => {
      await assert.rejects(loadKubeconfig(await write(user), systemFiles, options), {
        name: "KubeconfigError",
        message,
      });
    });
  }
  test("a proxy is refused with a clear error", async () => {
    const path = await write("{}", undefined, "    proxy-url: socks5://x");
    await assert.rejects(loadKubeconfig(path, systemFiles), /wants a proxy, which is not supported/);
  });
});
