import assert from "node:assert/strict";
import { test } from "node:test";
import { dialGrpc } from "../../base/grpc.ts";
import { silentLogger } from "../../base/logger.ts";
import { systemMachine } from "../../base/machine.ts";
import { runtimeContract } from "../../kubelet/runtime.contract.ts";
import { RuntimeError } from "../../kubelet/runtime.ts";
import { criRuntime } from "../../kubelet/runtimes/cri/cri.ts";
import { importImage } from "../images/import.ts";
import { architecture } from "../images/oci.ts";
import { pauseImage } from "../images/pause.ts";
import { busyboxMissing, containerdMissing, privateContainerd, TEST_IMAGE } from "./containerd.fixture.ts";

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
