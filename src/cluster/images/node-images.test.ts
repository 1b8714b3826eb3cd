import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { dialGrpc } from "../../base/grpc.ts";
import { cri } from "../../kubelet/runtimes/cri/schema.ts";
import { containerdMissing, type PrivateContainerd, privateContainerd } from "../containerd/containerd.fixture.ts";
import { PAUSE_IMAGE } from "../containerd.ts";
import { openArchive, writeArchive } from "./archive.ts";
import { buildImage } from "./build.ts";
import { ensurePauseImage, listImages, loadImages, removeImage } from "./node-images.ts";

describe("images of a node", { skip: (await containerdMissing()) ?? false, timeout: 60_000 }, () => {
  let node: PrivateContainerd;
  before(async () => {
    node = await privateContainerd({ images: false });
  });
  after(() => node?.remove());

  test("a directory becomes an image that runs, without any registry", async () => {
    const { machine, directory, containerd } = node;
    const target = { socket: containerd.socket };
    await ensurePauseImage(machine, target, PAUSE_IMAGE);
    await ensurePauseImage(machine, target, PAUSE_IMAGE);
    const app = join(directory, "app");
    await mkdir(app);
    await writeFile(join(app, "package.json"), '{"type":"module","scripts":{"start":"node main.ts one"}}');
    await writeFile(join(app, "main.ts"), "const n: number = 6; console.log(n * 7, process.argv[2], process.cwd());");
    const build = { ...machine, cacheDir: join(directory, "cache") };
    const image = await buildImage(app, { ...build, reference: "hello" });
    const archive = join(directory, "hello.tar");
    await writeArchive(image, archive, machine);
    await image.close();

    const source = await openArchive(archive, machine);
    const [loaded] = await loadImages(machine, [target], source);
    assert.equal(loaded?.name, "docker.io/library/hello:latest");
    assert.equal(loaded.digest, image.digest);
    const again = await openArchive(archive, { ...machine, reference: "localhost/again:1" });
    await loadImages(machine, [target], again);
    await Promise.all([source.close(), again.close()]);
    const listed = (await listImages(target)).find(({ id }) => id === loaded.id);
    assert.deepEqual([...(listed?.tags ?? [])].sort(), ["docker.io/library/hello:latest", "localhost/again:1"]);
    assert.ok(listed?.digests.includes(`docker.io/library/hello@${image.digest}`));
    assert.ok(listed && listed.sizeBytes > 1_000_000);

    const channel = dialGrpc(`unix:${containerd.socket}`);
    for (const name of ["hello", "docker.io/library/hello", loaded.id, "localhost/again:1"]) {
      assert.equal((await channel.unary(cri.imageStatus, { image: { image: name } })).image?.id, loaded.id, name);
    }
    const config = {
      metadata: { name: "a", namespace: "b", uid: "c" },
      hostname: "a",
      logDirectory: directory,
      linux: {},
    };
    const { id: podSandboxId } = await channel.unary(cri.runPodSandbox, { config });
    const { id } = await channel.unary(cri.createContainer, {
      podSandboxId,
      sandboxConfig: config,
      config: { metadata: { name: "hello" }, image: { image: loaded.id }, logPath: "hello.log" },
    });
    await channel.unary(cri.startContainer, { id });
    const log = () => readFile(join(directory, "hello.log"), "utf8");
    while (!(await log()).includes("\n")) await new Promise(setImmediate);
    assert.match(await log(), /stdout F 42 one \/app\n/);
    await channel.unary(cri.removePodSandbox, { id: podSandboxId });
    channel.close();

    assert.equal(await removeImage(machine, target, "localhost/again:1"), true);
    assert.deepEqual((await listImages(target)).find((one) => one.id === loaded.id)?.tags, [
      "docker.io/library/hello:latest",
    ]);
    assert.equal(await removeImage(machine, target, "hello"), true);
    assert.equal(
      (await listImages(target)).some((one) => one.id === loaded.id),
      false,
    );
    assert.equal(await removeImage(machine, target, "hello"), false);
    const [pause] = await listImages(target);
    assert.equal(await removeImage(machine, target, pause!.id.slice(7, 19)), true);
    assert.deepEqual(await listImages(target), []);
  });

  test("a name can move to another image, and what goes wrong names the node", async () => {
    const { machine, containerd } = node;
    const target = { socket: containerd.socket };
    const { pauseImage } = await import("./pause.ts");
    await loadImages(machine, [target], await pauseImage("moving:1", "arm64"));
    const [before] = await listImages(target);
    await loadImages(machine, [target], await pauseImage("moving:1", "amd64"));
    const holder = (await listImages(target)).find(({ tags }) => tags.includes("docker.io/library/moving:1"));
    assert.ok(holder && holder.id !== before!.id);
    await assert.rejects(listImages({ socket: "/run/knarr-none.sock" }), /the containerd at \/run\/knarr-none\.sock/);
  });
});
