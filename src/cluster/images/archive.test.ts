import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { pack } from "tar-stream";
import { systemFiles } from "../../base/files.ts";
import { seededRandom } from "../../base/random.ts";
import { openArchive, writeArchive } from "./archive.ts";
import { buildImage, buildRootfsImage } from "./build.ts";
import { textFile } from "./layer.ts";
import { memoryImage } from "./memory-image.ts";
import { type ImageConfig, type ImageSource, type Manifest, readJson, resolveManifest, sha256 } from "./oci.ts";

const files = systemFiles;
const effects = { files, random: seededRandom(1) };

describe("image archives", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "knarr-images-"));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const bytesOf = async (source: ImageSource, digest: string) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.blob(digest)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  /** Reads everything that a source's image consists of, checking each digest. */
  const contents = async (source: ImageSource) => {
    const [image] = source.images;
    const manifest = await readJson<Manifest>(source, (await resolveManifest(source, image!.manifest)).digest);
    const config = await readJson<ImageConfig>(source, manifest.config.digest);
    const layers: Buffer[] = [];
    for (const { digest, size } of manifest.layers) {
      const bytes = await bytesOf(source, digest);
      assert.equal(sha256(bytes), digest);
      assert.equal(bytes.length, size);
      layers.push(bytes);
    }
    return { name: image!.name, config, layers };
  };
  const tarOf = async (members: Record<string, Uint8Array | string | { link: string }>) => {
    const tar = pack();
    for (const [name, content] of Object.entries(members)) {
      if (typeof content === "object" && "link" in content)
        tar.entry({ name, type: "symlink", linkname: content.link });
      else tar.entry({ name }, content);
    }
    tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const sample = () =>
    memoryImage("docker.io/library/sample:1", { architecture: "amd64", config: { Cmd: ["/a"] } }, [
      textFile("/a", "A"),
    ]);

  test("an OCI layout that was written reads the same, plain and compressed", async () => {
    const source = await sample();
    const path = join(directory, "sample.tar");
    await writeArchive(source, path, { files });
    await writeFile(`${path}.gz`, gzipSync(await readFile(path)));
    await writeFile(`${path}.zst`, zstdCompressSync(await readFile(path)));
    const expected = await contents(source);
    for (const file of [path, `${path}.gz`, `${path}.zst`]) {
      const opened = await openArchive(file, effects);
      assert.deepEqual(opened.images[0]?.manifest.digest, source.images[0]!.manifest.digest);
      assert.deepEqual(await contents(opened), expected);
      await opened.close();
    }
    const renamed = await openArchive(path, { ...effects, reference: "other:2" });
    assert.equal(renamed.images[0]?.name, "other:2");
    await renamed.close();
    assert.deepEqual((await files.readdir(directory)).sort(), ["sample.tar", "sample.tar.gz", "sample.tar.zst"]);
  });

  test("what docker save writes reads as an image, with layers that are links", async () => {
    const layer = await bytesOf(await sample(), (await layersOf(await sample()))[0]!.digest);
    const config = JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: { Cmd: ["/a"] },
      rootfs: { type: "layers", diff_ids: [sha256(layer), sha256(layer)] },
    });
    const path = join(directory, "docker.tar");
    const list = [{ Config: "cfg.json", RepoTags: ["sample:1", "sample:2"], Layers: ["x/layer.tar", "y/layer.tar"] }];
    await writeFile(
      path,
      await tarOf({
        "cfg.json": config,
        "x/layer.tar": layer,
        "y/layer.tar": { link: "../x/layer.tar" },
        "manifest.json": JSON.stringify(list),
      }),
    );
    const opened = await openArchive(path, effects);
    assert.deepEqual(
      opened.images.map(({ name }) => name),
      ["sample:1", "sample:2"],
    );
    const read = await contents(opened);
    assert.deepEqual(read.config, JSON.parse(config));
    assert.deepEqual(read.layers, [layer, layer]);
    await opened.close();
  });

  test("an index offers the manifest of this processor, and says so where it has none", async () => {
    const source = await sample();
    const manifest = source.images[0]!.manifest;
    const layout = async (platform: { os: string; architecture: string }) => {
      const index = JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, platform }] });
      const members: Record<string, Uint8Array | string> = {
        "oci-layout": '{"imageLayoutVersion":"1.0.0"}',
        "index.json": JSON.stringify({
          schemaVersion: 2,
          manifests: [
            { mediaType: "application/vnd.oci.image.index.v1+json", digest: sha256(index), size: index.length },
          ],
        }),
        [`blobs/sha256/${sha256(index).slice(7)}`]: index,
      };
      const content = await readJson<Manifest>(source, manifest.digest);
      for (const { digest } of [manifest, content.config, ...content.layers]) {
        members[`blobs/sha256/${digest.slice(7)}`] = await bytesOf(source, digest);
      }
      const path = join(directory, `${platform.architecture}.tar`);
      await writeFile(path, await tarOf(members));
      return openArchive(path, { ...effects, reference: "sample" });
    };
    const own = { os: "linux", architecture: process.arch === "x64" ? "amd64" : process.arch };
    const opened = await layout(own);
    assert.deepEqual((await contents(opened)).config.config, { Cmd: ["/a"] });
    await opened.close();
    const foreign = await layout({ os: "linux", architecture: "s390x" });
    await assert.rejects(contents(foreign), /it is for linux\/s390x/);
    await foreign.close();
  });

  test("what is no image archive is refused with the reason", async () => {
    const path = join(directory, "other.tar");
    await writeFile(path, await tarOf({ "a.txt": "a" }));
    await assert.rejects(openArchive(path, effects), /other\.tar holds no images: it is neither/);
    await writeFile(path, "this is no tar file at all, however long one looks at it".repeat(100));
    await assert.rejects(openArchive(path, effects), /other\.tar holds no images/);
    await assert.rejects(openArchive(join(directory, "none.tar"), effects), /ENOENT/);
  });

  const layersOf = async (source: ImageSource) =>
    (await readJson<Manifest>(source, source.images[0]!.manifest.digest)).layers;

  test("equal directories give equal images, and all share the runtime's layer", { timeout: 60_000 }, async () => {
    const cacheDir = join(directory, "cache");
    const app = async (name: string, content: string) => {
      const path = join(directory, name);
      await mkdir(join(path, ".git"), { recursive: true });
      await writeFile(join(path, ".git", "HEAD"), name);
      await writeFile(join(path, "package.json"), '{"main":"server.js"}');
      await writeFile(join(path, "server.js"), content);
      await writeFile(join(path, "run.sh"), "", { mode: 0o700 });
      return path;
    };
    const options = { ...effects, cacheDir, reference: "hello" };
    const one = await buildImage(await app("one", "1"), options);
    const same = await buildImage(await app("same", "1"), options);
    const two = await buildImage(await app("two", "2"), { ...options, gzip: true, ports: ["8080"], env: ["A=b"] });
    assert.equal(one.name, "docker.io/library/hello:latest");
    assert.equal(one.digest, same.digest);
    assert.notEqual(one.digest, two.digest);
    const [[base], [sameBase, top]] = [await layersOf(one), await layersOf(two)];
    assert.equal(base!.digest, sameBase!.digest);
    assert.equal(top!.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
    const { config } = await contents(two);
    assert.deepEqual(config.config.Entrypoint, ["/usr/local/bin/node", "server.js"]);
    assert.equal(config.config.WorkingDir, "/app");
    assert.deepEqual(config.config.Env, ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=b"]);
    assert.deepEqual(config.config.ExposedPorts, { "8080/tcp": {} });
    for (const image of [one, same, two]) await image.close();
    assert.equal((await files.readdir(cacheDir)).length, 2, "the shared layer and its description");
    await assert.rejects(buildImage(directory, { ...options, entrypoint: undefined }), /no entry point/);
    await assert.rejects(buildImage(join(directory, "none"), options), /ENOENT/);
    await assert.rejects(
      buildImage(join(directory, "one"), { ...options, reference: "Bad Name" }),
      /invalid reference/,
    );

    const rootfs = await buildRootfsImage(join(directory, "one"), { ...options, entrypoint: ["/run.sh"], user: "7" });
    const root = await contents(rootfs);
    assert.deepEqual(root.config.config, {
      User: "7",
      Env: root.config.config.Env,
      Entrypoint: ["/run.sh"],
      WorkingDir: "/",
    });
    assert.equal(root.layers.length, 1);
    await rootfs.close();
  });
});
