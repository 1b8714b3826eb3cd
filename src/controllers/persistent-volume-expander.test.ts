import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { persistentVolumeClaims, persistentVolumes } from "../api/resource-types.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { persistentVolumeExpander } from "./persistent-volume-expander.ts";

const claim = (wanted: string, present = "1Gi", phase = "Bound") => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name: "c", namespace: "default", uid: "u" },
  spec: { volumeName: "v", resources: { requests: { storage: wanted } } },
  status: { phase, capacity: { storage: present } },
});
const volume = (source: object, uid = "u") => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name: "v" },
  spec: { claimRef: { namespace: "default", name: "c", uid }, ...source },
});
const csi = { csi: { driver: "example.com", volumeHandle: "h" } };
const waiting = "ExternalExpanding: waiting for an external controller to expand this PVC";

suite("claims that ask for more", () => {
  const cases: [string, ReturnType<typeof claim>, ReturnType<typeof volume>, string[], string?][] = [
    ["of a driver", claim("2Gi"), volume(csi), [waiting]],
    ["of a kind that can't be expanded", claim("2Gi"), volume({ hostPath: { path: "/d" } }), [waiting]],
    [
      "of a kind that has moved",
      claim("2Gi"),
      volume({ awsElasticBlockStore: { volumeID: "x" } }),
      [
        "ExternalExpanding: CSI migration enabled for kubernetes.io/aws-ebs; waiting for external resizer to expand the pvc",
      ],
      "ebs.csi.aws.com",
    ],
    ["not: the same in other units", claim("1024Mi"), volume(csi), []],
    ["not: unbound", claim("2Gi", "1Gi", "Pending"), volume(csi), []],
    ["not: another's volume", claim("2Gi"), volume(csi, "x"), []],
  ];
  for (const [what, one, other, expected, resizer] of cases) {
    test(what, () =>
      withControllers(persistentVolumeExpander, { objects: [one, other] }, async (bench) => {
        assert.deepEqual(bench.events(), expected);
        const { metadata } = bench.fake.peek(persistentVolumeClaims, "c", "default")!;
        assert.equal(metadata?.annotations?.["volume.kubernetes.io/storage-resizer"], resizer);
        assert.equal(bench.fake.all(persistentVolumes).length, 1);
        await bench.assertQuiet();
      }),
    );
  }

  test("are told of again when they ask for still more later", () =>
    withControllers(persistentVolumeExpander, { objects: [claim("2Gi"), volume(csi)] }, async (bench) => {
      bench.fake.put(persistentVolumeClaims, claim("2Gi", "2Gi"));
      await bench.settle();
      bench.fake.put(persistentVolumeClaims, claim("3Gi", "2Gi"));
      await bench.settle();
      assert.deepEqual(bench.events(), [`${waiting} (x2)`]);
    }));
});
