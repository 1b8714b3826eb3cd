import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Pod } from "../../api/types/core.v1.ts";
import { systemFiles } from "../../base/files.ts";
import { isUsed, oldEnough } from "../gc/image-gc.ts";
import { directoryBytes, storageExcess } from "./local-storage.ts";
import { rankForEviction } from "./ranking.ts";
import { assess, type EvictionMemory, type Observations, parseThresholds } from "./thresholds.ts";

const nothing: EvictionMemory = { crossedAt: new Map(), pressedAt: new Map() };
const memory = (available: number): Observations => new Map([["memory.available", { available, capacity: 1000 }]]);

test("a soft threshold must hold for its time, a hard one acts at once, and a pressure lingers", () => {
  const thresholds = parseThresholds(
    { "memory.available": "10%" },
    { "memory.available": "300" },
    { "memory.available": 30_000 },
  );
  const soft = assess(thresholds, memory(200), nothing, 0, 60_000);
  assert.deepEqual([[...soft.pressures], soft.due.length], [["memory"], 0]);
  assert.equal(assess(thresholds, memory(200), soft.memory, 30_000, 60_000).due.length, 1);
  // A break starts the time anew.
  const broken = assess(thresholds, memory(400), soft.memory, 10_000, 60_000);
  assert.deepEqual([...broken.pressures], ["memory"], "it was here a moment ago");
  const again = assess(thresholds, memory(200), broken.memory, 20_000, 60_000);
  assert.equal(assess(thresholds, memory(200), again.memory, 45_000, 60_000).due.length, 0);
  assert.equal(assess(thresholds, memory(50), nothing, 0, 60_000).due.length, 1);
  assert.deepEqual([...assess(thresholds, memory(400), soft.memory, 60_000, 60_000).pressures], []);
});

test("thresholds that make no sense are refused", () => {
  assert.throws(() => parseThresholds({ "moon.available": "1" }, {}, {}), /"moon.available" is not supported/);
  assert.throws(() => parseThresholds({}, { "memory.available": "1" }, {}), /needs a grace period/);
  assert.deepEqual(parseThresholds({ "memory.available": "0%" }, {}, {}), []);
});

test("those that use more than they asked for go first, then by priority, then by how much", () => {
  const pod = (name: string, request: string, priority = 0): Pod => ({
    metadata: { name },
    spec: { priority, containers: [{ name: "c", resources: { requests: { memory: request } } }] },
  });
  const used: Record<string, number> = { modest: 50, greedy: 500, greedier: 900, noble: 5000 };
  const pods = [pod("modest", "100"), pod("greedy", "100"), pod("noble", "100", 10), pod("greedier", "100")];
  const order = rankForEviction(pods, ({ metadata }) => new Map([["c", used[metadata!.name!]!]]), "memory");
  assert.deepEqual(
    order.map(({ metadata }) => metadata?.name),
    ["greedier", "greedy", "noble", "modest"],
  );
});

test("what a pod may use of the disk", () => {
  const pod: Pod = {
    spec: {
      volumes: [
        { name: "v", emptyDir: { sizeLimit: "1Ki" } },
        { name: "m", emptyDir: { medium: "Memory", sizeLimit: "1" } },
      ],
      containers: [{ name: "c", resources: { limits: { "ephemeral-storage": "4Ki" } } }],
    },
  };
  const excess = (container: number, volume: number) =>
    storageExcess(pod, {
      containers: new Map([["c", container]]),
      emptyDirs: new Map(
        [
          ["v", volume],
          ["m", 9999],
        ].slice(0, 1) as [string, number][],
      ),
    });
  assert.equal(excess(0, 1024), undefined);
  assert.equal(excess(0, 1025), 'Usage of EmptyDir volume "v" exceeds the limit "1Ki". ');
  assert.equal(excess(4000, 1000), "Pod ephemeral local storage usage exceeds the total limit of containers 4Ki. ");
});

test("a directory is measured as it lies on the disk", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "knarr-measure-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "sub"));
  await writeFile(join(root, "sub/file"), Buffer.alloc(100_000, 1));
  const bytes = await directoryBytes(systemFiles, root);
  assert.ok(bytes >= 100_000 && bytes < 200_000, String(bytes));
  assert.equal(await directoryBytes(systemFiles, join(root, "none")), 0);
});

test("images in use, and images too young, are not removed", () => {
  const image = { id: "sha256:1", repoTags: ["app:1"], repoDigests: ["app@sha256:2"], sizeBytes: 1, pinned: false };
  assert.equal(isUsed(image, [{ image: "x", imageRef: "app@sha256:2" }]), true);
  assert.equal(isUsed(image, [{ image: "app:1", imageRef: "" }]), true);
  assert.equal(isUsed(image, [{ image: "other", imageRef: "sha256:9" }]), false);
  const candidates = [
    { image, detectedAt: 0, usedAt: 0 },
    { image, detectedAt: 50, usedAt: 0 },
  ];
  assert.equal(oldEnough(candidates, 100, 60).length, 1);
});
