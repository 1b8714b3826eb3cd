import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dialGrpc } from "../../base/grpc.ts";
import { silentLogger } from "../../base/logger.ts";
import { systemMachine } from "../../base/machine.ts";
import { runtimeContract } from "../../kubelet/runtime.contract.ts";
import { type Runtime, RuntimeError } from "../../kubelet/runtime.ts";
import { criRuntime } from "../../kubelet/runtimes/cri/cri.ts";
import { importImage } from "../images/import.ts";
import { architecture, type ImageSource } from "../images/oci.ts";
import { pauseImage } from "../images/pause.ts";
import {
  busyboxImage,
  busyboxMissing,
  containerdMissing,
  type PrivateContainerd,
  privateContainerd,
  TEST_IMAGE,
} from "./containerd.fixture.ts";

const skip = (await containerdMissing()) ?? (await busyboxMissing()) ?? false;
const spareImage = "localhost/spare:1";

runtimeContract("containerd", {
  skip,
  async open() {
    const node = await privateContainerd();
    const runtime = criRuntime({ endpoint: node.containerd.socket, clock: node.machine.clock, logger: silentLogger });
    const channel = dialGrpc(`unix:${node.containerd.socket}`);
    // The other processor's program makes it an image of its own, which nothing else needs.
    const spare = await pauseImage(spareImage, architecture() === "arm64" ? "amd64" : "arm64");
    await importImage({ ...node.machine, channel }, spare, spare.images[0]!);
    channel.close();
    return {
      runtime,
      image: TEST_IMAGE,
      spareImage,
      async close() {
        await runtime.close();
        await node.remove();
      },
    };
  },
});

test("a runtime that isn't there is unavailable", async () => {
  const { clock } = systemMachine({ keepAlive: true });
  const runtime = criRuntime({ endpoint: "unix:///run/knarr-no-such.sock", clock, logger: silentLogger });
  await assert.rejects(runtime.version(), (error) => error instanceof RuntimeError && error.code === "unavailable");
  await runtime.close();
  assert.throws(() => criRuntime({ endpoint: "tcp://localhost:1", clock, logger: silentLogger }), /not a Unix socket/);
});

describe("pulling from a registry", { skip, timeout: 60_000 }, () => {
  const HOST = "registry.test";
  let node: PrivateContainerd;
  let runtime: Runtime;
  let registry: Server;
  before(async () => {
    const source = await busyboxImage(`${HOST}/team/tool:1`);
    registry = await startRegistry(source, { username: "u", password: "p" });
    // In the host's network, where the registry listens.
    node = await privateContainerd({ network: false, images: false });
    const directory = join(node.options.dataDir, "certs.d", HOST);
    await mkdir(directory, { recursive: true });
    const { port } = registry.address() as AddressInfo;
    await writeFile(
      join(directory, "hosts.toml"),
      `server = "http://127.0.0.1:${port}"\n[host."http://127.0.0.1:${port}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
    runtime = criRuntime({ endpoint: node.containerd.socket, clock: node.machine.clock, logger: silentLogger });
  });
  after(async () => {
    await runtime?.close();
    await node?.remove();
    registry?.close();
  });
  const auth = { username: "u", password: "p" };

  test("gives a reference that containers can be made from", async () => {
    const reference = await runtime.pullImage(`${HOST}/team/tool:1`, auth);
    const found = await runtime.imageStatus(`${HOST}/team/tool:1`);
    assert.equal(found?.id, reference);
    assert.deepEqual(found?.repoTags, [`${HOST}/team/tool:1`]);
    assert.match(found?.repoDigests[0] ?? "", /^registry\.test\/team\/tool@sha256:[0-9a-f]{64}$/);
    assert.equal((await runtime.imageStatus(found!.repoDigests[0]!))?.id, reference);
  });

  test("says what is wrong where the image isn't there, the credentials are bad, or the name is none", async () => {
    const fails = (message: RegExp) => (error: unknown) => error instanceof RuntimeError && message.test(error.message);
    await assert.rejects(runtime.pullImage(`${HOST}/team/tool:2`, auth), fails(/tool:2.*not found/));
    await assert.rejects(
      runtime.pullImage(`${HOST}/team/tool:1`, { username: "u", password: "x" }),
      fails(/401|authorization failed/),
    );
    await assert.rejects(runtime.pullImage("Not A Name"), fails(/invalid reference format|parse/));
  });
});

/** The pulling half of the OCI distribution protocol, for the images of one source, with basic authentication. */
async function startRegistry(source: ImageSource, account: { username: string; password: string }): Promise<Server> {
  const expected = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString("base64")}`;
  const [{ name, manifest }] = source.images as [ImageSource["images"][number]];
  const repository = name.slice(name.indexOf("/") + 1, name.lastIndexOf(":"));
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== expected) {
      return void response.writeHead(401, { "www-authenticate": 'Basic realm="test"' }).end();
    }
    const [, kind, wanted] = new RegExp(`^/v2/${repository}/(manifests|blobs)/([^?]+)`).exec(request.url ?? "") ?? [];
    const digest = wanted?.startsWith("sha256:")
      ? wanted
      : wanted === name.split(":").at(-1)
        ? manifest.digest
        : undefined;
    if (!digest) return void response.writeHead(404).end();
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.blob(digest)) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const type = kind === "manifests" ? manifest.mediaType : "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-length": body.length, "docker-content-digest": digest });
    response.end(request.method === "HEAD" ? undefined : body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
