import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KubeObject } from "../../api/object.ts";
import { persistentVolumeClaims, persistentVolumes, storageClasses } from "../../api/resource-types.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { persistentVolumeBinder } from "./controller.ts";

type Fields = Record<string, unknown> & {
  annotations?: Record<string, string>;
  labels?: Record<string, string>;
  finalizers?: string[];
  phase?: string;
  storage?: string;
};
const volume = (name: string, { annotations, labels, phase, finalizers, ...spec }: Fields = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: {
    name,
    ...(annotations ? { annotations } : {}),
    ...(labels ? { labels } : {}),
    ...(finalizers ? { finalizers } : {}),
  },
  spec: {
    capacity: { storage: "5Gi" },
    accessModes: ["ReadWriteOnce"],
    volumeMode: "Filesystem",
    persistentVolumeReclaimPolicy: "Retain",
    hostPath: { path: "/data" },
    ...spec,
  },
  status: { phase: phase ?? "Available" },
});
const claim = (name: string, { annotations, storage = "1Gi", phase = "Pending", ...spec }: Fields = {}) => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default", uid: `uid-${name}`, ...(annotations ? { annotations } : {}) },
  spec: {
    accessModes: ["ReadWriteOnce"],
    volumeMode: "Filesystem",
    resources: { requests: { storage } },
    storageClassName: "",
    ...spec,
  },
  status: { phase },
});
const storageClass = (name: string, fields: Fields = {}, annotations = {}) => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "StorageClass",
  metadata: { name, annotations },
  provisioner: "example.com/disk",
  volumeBindingMode: "Immediate",
  ...fields,
});
const delayed = { volumeBindingMode: "WaitForFirstConsumer" };
const reserved = (name: string, uid?: string) => ({
  claimRef: { kind: "PersistentVolumeClaim", namespace: "default", name, ...(uid ? { uid } : {}) },
});
const completed = { "pv.kubernetes.io/bind-completed": "yes" };

const claimNow = ({ fake }: ControllerBench, name = "c") => fake.peek(persistentVolumeClaims, name, "default");
const volumeNow = ({ fake }: ControllerBench, name = "v") => fake.peek(persistentVolumes, name);

suite("which volume a claim gets", () => {
  const cases: [string, Fields, ReturnType<typeof volume>[], string | undefined][] = [
    [
      "the smallest that is large enough",
      { storage: "2Gi" },
      [volume("a"), volume("b", { capacity: { storage: "2Gi" } }), volume("c", { capacity: { storage: "1Gi" } })],
      "b",
    ],
    ["none that is too small", { storage: "6Gi" }, [volume("a")], undefined],
    ["none without the access mode", { accessModes: ["ReadWriteMany"] }, [volume("a")], undefined],
    [
      "that with fewer access modes before a smaller one",
      {},
      [volume("a", { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce", "ReadOnlyMany"] }), volume("b")],
      "b",
    ],
    ["none of the other mode", { volumeMode: "Block" }, [volume("a")], undefined],
    [
      "none of another class",
      { storageClassName: "fast" },
      [volume("a"), volume("b", { storageClassName: "fast" })],
      "b",
    ],
    [
      "what its selector matches",
      { selector: { matchLabels: { disk: "ssd" } } },
      [volume("a"), volume("b", { labels: { disk: "ssd" } })],
      "b",
    ],
    [
      "the one that is reserved for it",
      {},
      [volume("a", { capacity: { storage: "1Gi" } }), volume("b", reserved("c"))],
      "b",
    ],
    ["none that is reserved for another", {}, [volume("a", reserved("other"))], undefined],
    ["the one that it names", { volumeName: "b" }, [volume("a"), volume("b")], "b"],
    ["none of another class of attributes", { volumeAttributesClassName: "gold" }, [volume("a")], undefined],
  ];
  for (const [what, fields, volumes, expected] of cases) {
    test(what, () =>
      withControllers(persistentVolumeBinder, { objects: [...volumes, claim("c", fields)] }, async (bench) => {
        const { spec, status, metadata } = claimNow(bench)!;
        assert.equal(status?.phase, expected ? "Bound" : "Pending");
        if (expected) {
          assert.equal(spec?.volumeName, expected);
          assert.equal(metadata?.annotations?.["pv.kubernetes.io/bind-completed"], "yes");
          const user = fields.volumeName !== undefined;
          assert.equal(metadata?.annotations?.["pv.kubernetes.io/bound-by-controller"], user ? undefined : "yes");
          const bound = volumeNow(bench, expected)!;
          assert.equal(bound.spec?.claimRef?.uid, "uid-c");
          assert.equal(bound.status?.phase, "Bound");
          assert.deepEqual(status?.capacity, bound.spec?.capacity);
        }
        await bench.assertQuiet();
      }),
    );
  }

  test("two claims do not get the same volume", () =>
    withControllers(
      persistentVolumeBinder,
      { objects: [volume("a"), volume("b"), claim("c"), claim("d"), claim("e")] },
      async (bench) => {
        const names = ["c", "d", "e"].map((name) => claimNow(bench, name)?.spec?.volumeName ?? "-").sort();
        assert.deepEqual(names, ["-", "a", "b"]);
        bench.fake.put(persistentVolumes, volume("z"));
        await bench.settle();
        assert.ok(["c", "d", "e"].every((name) => claimNow(bench, name)?.status?.phase === "Bound"));
        await bench.assertQuiet();
      },
    ));

  test("binding takes four writes", () =>
    withControllers(persistentVolumeBinder, { objects: [volume("v", { phase: "Available" })] }, async (bench) => {
      bench.fake.clearActions();
      bench.fake.put(persistentVolumeClaims, claim("c"));
      await bench.settle();
      assert.deepEqual(
        bench.fake.writes().map(({ verb, resource, subresource }) => `${verb} ${resource} ${subresource ?? ""}`.trim()),
        [
          "update persistentvolumes",
          "update persistentvolumes status",
          "update persistentvolumeclaims",
          "update persistentvolumeclaims status",
        ],
      );
    }));
});

suite("what is said of claims", () => {
  const external = (name: string) =>
    `ExternalProvisioning: Waiting for a volume to be created either by the external provisioner '${name}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "default" },
    spec: { containers: [], volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] },
    status: { phase: "Pending" },
  };
  const cases: [string, KubeObject[], string, string?][] = [
    [
      "without a class",
      [claim("c")],
      "FailedBinding: no persistent volumes available for this claim and no storage class is set",
    ],
    [
      "of a class that is not there",
      [claim("c", { storageClassName: "fast" })],
      'ProvisioningFailed: storageclass.storage.k8s.io "fast" not found',
    ],
    [
      "of an external provisioner",
      [storageClass("fast"), claim("c", { storageClassName: "fast" })],
      external("example.com/disk"),
      "example.com/disk",
    ],
    [
      "of a provisioner that has moved",
      [storageClass("fast", { provisioner: "kubernetes.io/aws-ebs" }), claim("c", { storageClassName: "fast" })],
      external("ebs.csi.aws.com"),
      "ebs.csi.aws.com",
    ],
    [
      "of a class that nobody provisions",
      [storageClass("fast", { provisioner: "kubernetes.io/no-provisioner" }), claim("c", { storageClassName: "fast" })],
      "ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner",
    ],
    [
      "that wait for a consumer, with a volume that fits",
      [
        storageClass("fast", delayed),
        volume("v", { storageClassName: "fast" }),
        claim("c", { storageClassName: "fast" }),
      ],
      "WaitForFirstConsumer: waiting for first consumer to be created before binding",
    ],
    [
      "that wait for a pod",
      [storageClass("fast", delayed), pod, claim("c", { storageClassName: "fast" })],
      "WaitForPodScheduled: waiting for pod p to be scheduled",
    ],
    [
      "whose node is chosen",
      [
        storageClass("fast", delayed),
        claim("c", { storageClassName: "fast", annotations: { "volume.kubernetes.io/selected-node": "n" } }),
      ],
      external("example.com/disk"),
      "example.com/disk",
    ],
    [
      "that name a volume that does not fit",
      [volume("v"), claim("c", { volumeName: "v", storage: "9Gi" })],
      'VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small',
    ],
    [
      "that name a volume of another",
      [
        volume("v", reserved("other", "x")),
        claim("other", { volumeName: "v", annotations: completed }),
        claim("c", { volumeName: "v" }),
      ],
      'FailedBinding: volume "v" already bound to a different claim.',
    ],
    [
      "whose volume is gone",
      [claim("c", { volumeName: "v", annotations: completed, phase: "Bound" })],
      "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!",
    ],
  ];
  for (const [what, objects, said, provisioner] of cases) {
    test(what, () =>
      withControllers(persistentVolumeBinder, { objects }, async (bench) => {
        assert.ok(bench.events().includes(said), bench.events().join("\n"));
        assert.equal(claimNow(bench)?.metadata?.annotations?.["volume.kubernetes.io/storage-provisioner"], provisioner);
        assert.equal(claimNow(bench)?.status?.phase, said.startsWith("ClaimLost") ? "Lost" : "Pending");
        await bench.assertQuiet();
      }),
    );
  }

  test("a default class that comes later is taken", () =>
    withControllers(
      persistentVolumeBinder,
      { objects: [claim("c", { storageClassName: undefined }), claim("none")] },
      async (bench) => {
        assert.equal(claimNow(bench)?.spec?.storageClassName, undefined);
        bench.fake.put(
          storageClasses,
          storageClass("std", {}, { "storageclass.kubernetes.io/is-default-class": "true" }),
        );
        await bench.settle();
        assert.equal(claimNow(bench)?.spec?.storageClassName, "std");
        assert.equal(claimNow(bench, "none")?.spec?.storageClassName, "");
      },
    ));

  test("a provisioned volume is bound when it comes", () =>
    withControllers(
      persistentVolumeBinder,
      {
        objects: [
          storageClass("fast", delayed),
          claim("c", { storageClassName: "fast", annotations: { "volume.kubernetes.io/selected-node": "n" } }),
        ],
      },
      async (bench) => {
        bench.fake.put(persistentVolumes, volume("pvc-1", { storageClassName: "fast", ...reserved("c", "uid-c") }));
        await bench.settle();
        assert.equal(claimNow(bench)?.status?.phase, "Bound");
        assert.equal(volumeNow(bench, "pvc-1")?.status?.phase, "Bound");
      },
    ));
});

suite("what becomes of volumes", () => {
  const made = (by: string) => ({ annotations: { "pv.kubernetes.io/provisioned-by": by } });
  const gone = reserved("gone", "x");
  const cases: [string, ReturnType<typeof volume>, string, string?][] = [
    ["free", volume("v", { phase: "Pending" }), "Available"],
    ["reserved", volume("v", { ...reserved("c"), phase: "Pending" }), "Available"],
    ["kept", volume("v", gone), "Released"],
    [
      "deleted by others",
      volume("v", { ...gone, ...made("example.com/disk"), persistentVolumeReclaimPolicy: "Delete" }),
      "Released",
    ],
    [
      "not deleted by anybody",
      volume("v", { ...gone, persistentVolumeReclaimPolicy: "Delete" }),
      "Failed",
      'VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    ],
    [
      "not recycled",
      volume("v", { ...gone, persistentVolumeReclaimPolicy: "Recycle" }),
      "Failed",
      "VolumeFailedRecycle: No recycler plugin found for the volume!",
    ],
  ];
  for (const [what, given, phase, said] of cases) {
    test(what, () =>
      withControllers(persistentVolumeBinder, { objects: [given] }, async (bench) => {
        assert.equal(volumeNow(bench)?.status?.phase, phase);
        assert.deepEqual(bench.events(), said ? [said] : []);
        await bench.assertQuiet();
      }),
    );
  }

  test("a volume is released with its claim, and free again without its claimRef", () =>
    withControllers(persistentVolumeBinder, { objects: [volume("v"), claim("c")] }, async (bench) => {
      bench.fake.remove(persistentVolumeClaims, "c", "default");
      await bench.settle();
      assert.equal(volumeNow(bench)?.status?.phase, "Released");
      const { claimRef: _, ...spec } = volumeNow(bench)!.spec!;
      bench.fake.put(persistentVolumes, { ...volumeNow(bench)!, spec });
      await bench.settle();
      assert.equal(volumeNow(bench)?.status?.phase, "Available");
    }));

  test("a volume whose claim went elsewhere is freed", () =>
    withControllers(
      persistentVolumeBinder,
      {
        objects: [
          volume("v", { ...reserved("c", "uid-c"), annotations: { "pv.kubernetes.io/bound-by-controller": "yes" } }),
          volume("w", reserved("c", "uid-c")),
          claim("c", { volumeName: "w", annotations: completed }),
        ],
      },
      async (bench) => {
        assert.equal(volumeNow(bench)?.spec?.claimRef, undefined);
        assert.equal(volumeNow(bench)?.status?.phase, "Available");
        assert.equal(volumeNow(bench, "w")?.status?.phase, "Bound");
      },
    ));

  const finalizers: [string, Fields, string[] | undefined][] = [
    [
      "built in",
      {
        ...made("kubernetes.io/foo"),
        persistentVolumeReclaimPolicy: "Delete",
        finalizers: ["external-provisioner.volume.kubernetes.io/finalizer"],
      },
      ["kubernetes.io/pv-controller"],
    ],
    ["built in, kept", { ...made("kubernetes.io/foo"), finalizers: ["kubernetes.io/pv-controller"] }, []],
    [
      "external",
      {
        ...made("example.com/disk"),
        persistentVolumeReclaimPolicy: "Delete",
        finalizers: ["external-provisioner.volume.kubernetes.io/finalizer"],
      },
      ["external-provisioner.volume.kubernetes.io/finalizer"],
    ],
  ];
  for (const [what, fields, expected] of finalizers) {
    test(`finalizers: ${what}`, () =>
      withControllers(persistentVolumeBinder, { objects: [volume("v", fields)] }, async (bench) => {
        assert.deepEqual(volumeNow(bench)?.metadata?.finalizers, expected);
        await bench.assertQuiet();
      }));
  }
});
