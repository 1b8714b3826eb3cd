import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KubeObject } from "../../api/object.ts";
import { nodes, persistentVolumes, pods, volumeAttachments } from "../../api/resource-types.ts";
import type { Node, Pod } from "../../api/types/core.v1.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { attachDetachController } from "./controller.ts";
import { attachmentName, MAX_WAIT_FOR_UNMOUNT_MS, needsVolumes } from "./plan.ts";

const VOLUME = "kubernetes.io/csi/example.com^h";
const node = (name: string, { inUse = false, ready = true, taints = [] as string[], managed = true } = {}) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: {
    name,
    annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": String(managed) },
  },
  spec: { taints: taints.map((key) => ({ key, effect: "NoExecute" })) },
  status: {
    conditions: [{ type: "Ready", status: ready ? "True" : "Unknown" }],
    ...(inUse ? { volumesInUse: [VOLUME] } : {}),
  },
});
const volume = (...accessModes: string[]) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "v" },
  spec: {
    accessModes,
    csi: { driver: "example.com", volumeHandle: "h" },
    claimRef: { namespace: "default", name: "c", uid: "u" },
  },
});
const claim = {
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "c", namespace: "default", uid: "u" },
  spec: { volumeName: "v" },
};
const pod = (name: string, nodeName: string, phase = "Running") => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { nodeName, containers: [], volumes: [{ name: "d", persistentVolumeClaim: { claimName: "c" } }] },
  status: { phase },
});
const driver = {
  apiVersion: "storage.k8s.io/v1",
  kind: "CSIDriver",
  metadata: { name: "example.com" },
  spec: { attachRequired: false },
};

const attachedTo = ({ fake }: ControllerBench) => fake.all(volumeAttachments).map(({ spec }) => spec.nodeName);
const reported = ({ fake }: ControllerBench, name: string) =>
  fake.peek(nodes, name)?.status?.volumesAttached?.map((one) => one.name);
/** What the driver's attacher does. */
const attach = async (bench: ControllerBench, name: string) => {
  const attachment = bench.fake.all(volumeAttachments).find(({ spec }) => spec.nodeName === name)!;
  bench.fake.put(volumeAttachments, { ...attachment, status: { attached: true } });
  await bench.settle();
};

suite("attaching", () => {
  const rwo = volume("ReadWriteOnce");
  const cases: [string, KubeObject[], string[]][] = [
    ["a volume that a pod needs", [node("a"), rwo, claim, pod("p", "a")], ["a"]],
    ["not for pods that have ended", [node("a"), rwo, claim, pod("p", "a", "Succeeded")], []],
    ["not where the kubelet does it", [node("a", { managed: false }), rwo, claim, pod("p", "a")], []],
    ["not where the driver needs none", [driver, node("a"), rwo, claim, pod("p", "a")], []],
    [
      "not a volume of another claim",
      [node("a"), rwo, { ...claim, metadata: { ...claim.metadata, uid: "x" } }, pod("p", "a")],
      [],
    ],
    [
      "one that may be shared, everywhere",
      [node("a"), node("b"), volume("ReadWriteMany"), claim, pod("p", "a"), pod("q", "b")],
      ["a", "b"],
    ],
    ["one that may not, once", [node("a"), node("b"), rwo, claim, pod("p", "a"), pod("q", "b")], ["a"]],
  ];
  for (const [what, objects, expected] of cases) {
    test(what, () =>
      withControllers(attachDetachController, { objects }, async (bench) => {
        assert.deepEqual(attachedTo(bench).sort(), expected);
        for (const { metadata, spec } of bench.fake.all(volumeAttachments)) {
          assert.equal(metadata?.name, attachmentName("h", "example.com", spec.nodeName));
          assert.deepEqual([spec.attacher, spec.source], ["example.com", { persistentVolumeName: "v" }]);
        }
        await bench.assertQuiet();
      }),
    );
  }

  test("is told to the node and the pod", () =>
    withControllers(attachDetachController, { objects: [node("a"), rwo, claim, pod("p", "a")] }, async (bench) => {
      assert.equal(reported(bench, "a"), undefined);
      await attach(bench, "a");
      assert.deepEqual(reported(bench, "a"), [VOLUME]);
      assert.deepEqual(bench.events(), ['SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "v" ']);
      await bench.assertQuiet();
    }));

  test("failures are told to the pod", () =>
    withControllers(attachDetachController, { objects: [node("a"), rwo, claim, pod("p", "a")] }, async (bench) => {
      const [attachment] = bench.fake.all(volumeAttachments);
      const status = { attached: false, attachError: { message: "no such disk" } };
      bench.fake.put(volumeAttachments, { ...attachment!, status });
      await bench.settle();
      assert.deepEqual(bench.events(), [
        'FailedAttachVolume: AttachVolume.Attach failed for volume "v" : no such disk',
      ]);
      await bench.assertQuiet();
    }));

  test("a volume that is used elsewhere is waited for, and the pod told", () =>
    withControllers(
      attachDetachController,
      { objects: [node("a"), node("b"), rwo, claim, pod("p", "a")] },
      async (bench) => {
        await attach(bench, "a");
        bench.fake.put(pods, pod("q", "b"));
        await bench.settle();
        assert.ok(
          bench
            .events()
            .includes('FailedAttachVolume: Multi-Attach error for volume "v" Volume is already used by pod(s) p'),
        );
        await bench.assertQuiet();
        bench.fake.remove(pods, "p", "default");
        await bench.settle();
        assert.deepEqual(attachedTo(bench), ["b"]);
      },
    ));
});

suite("detaching", () => {
  const start = (change: Parameters<typeof node>[1], run: (bench: ControllerBench) => Promise<void>) =>
    withControllers(
      attachDetachController,
      { objects: [node("a"), volume("ReadWriteOnce"), claim, pod("p", "a")] },
      async (bench) => {
        await attach(bench, "a");
        const { volumesAttached } = bench.fake.peek(nodes, "a")!.status!;
        const changed = node("a", change);
        bench.fake.put(nodes, { ...changed, status: { ...changed.status, volumesAttached } } as Node);
        bench.fake.remove(pods, "p", "default");
        await bench.settle();
        await run(bench);
      },
    );

  test("the node is told first", () =>
    withControllers(
      attachDetachController,
      { objects: [node("a"), volume("ReadWriteOnce"), claim, pod("p", "a")] },
      async (bench) => {
        await attach(bench, "a");
        bench.fake.clearActions();
        bench.fake.remove(pods, "p", "default");
        await bench.settle();
        assert.deepEqual(
          bench.fake.writes().map(({ verb, resource }) => `${verb} ${resource}`),
          ["patch nodes", "delete volumeattachments"],
        );
        assert.equal(reported(bench, "a"), undefined);
        assert.deepEqual(attachedTo(bench), []);
      },
    ));

  test("waits while the node has the volume mounted", () =>
    start({ inUse: true }, async (bench) => {
      await bench.settle(2 * MAX_WAIT_FOR_UNMOUNT_MS);
      assert.deepEqual(attachedTo(bench), ["a"]);
      assert.deepEqual(reported(bench, "a"), [VOLUME]);
      bench.fake.put(nodes, node("a"));
      await bench.settle();
      assert.deepEqual(attachedTo(bench), []);
    }));

  test("is forced from a sick node after six minutes", () =>
    start({ inUse: true, ready: false }, async (bench) => {
      await bench.settle(MAX_WAIT_FOR_UNMOUNT_MS - 10_000);
      assert.deepEqual(attachedTo(bench), ["a"]);
      await bench.settle(11_000);
      assert.deepEqual(attachedTo(bench), []);
    }));

  test("is forced from a node that is out of service at once", () =>
    start({ inUse: true, ready: false, taints: ["node.kubernetes.io/out-of-service"] }, async (bench) => {
      assert.deepEqual(attachedTo(bench), []);
    }));

  test("is not forced where that is turned off", () =>
    withControllers(
      attachDetachController,
      {
        objects: [
          node("a", { inUse: true, ready: false }),
          volume("ReadWriteOnce"),
          {
            apiVersion: "storage.k8s.io/v1",
            kind: "VolumeAttachment",
            metadata: { name: "old" },
            spec: { attacher: "example.com", nodeName: "a", source: { persistentVolumeName: "v" } },
          } as KubeObject,
        ],
        settings: { forceDetachOnTimeout: false },
      },
      async (bench) => {
        await bench.settle(2 * MAX_WAIT_FOR_UNMOUNT_MS);
        assert.deepEqual(attachedTo(bench), ["a"]);
        assert.equal(bench.fake.all(persistentVolumes).length, 1);
      },
    ));
});

test("which pods need their volumes", () => {
  const status = (running: boolean) => ({
    containerStatuses: [{ name: "c", state: running ? { running: {} } : { terminated: {} } }],
  });
  const going = { deletionTimestamp: "2026-01-01T00:00:00Z" };
  const cases: [object, object, boolean][] = [
    [{}, { phase: "Running" }, true],
    [{}, { phase: "Failed" }, false],
    [going, status(true), true],
    [going, status(false), false],
    [going, {}, true],
  ];
  for (const [metadata, state, expected] of cases) {
    assert.equal(needsVolumes({ metadata, status: state } as Pod, node("a")), expected);
  }
  const keeps = { metadata: { annotations: { "volumes.kubernetes.io/keep-terminated-pod-volumes": "true" } } };
  assert.equal(needsVolumes({ status: { phase: "Failed" } }, keeps), true);
});
