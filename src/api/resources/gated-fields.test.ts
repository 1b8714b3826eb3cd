import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../object.ts";
import { dropDisabledFields } from "./gated-fields.ts";

const off = () => false;
const drop = (
  resource: string,
  group: string,
  object: object,
  old?: object,
  enabled: (gate: string) => boolean = off,
) => {
  const copy = structuredClone(object) as UnknownObject;
  dropDisabledFields({ group, resource }, copy, old as UnknownObject | undefined, enabled);
  return copy;
};

test("fields of features that are off are left out, with what held nothing else", () => {
  const spec = {
    schedulingGroup: { podGroupName: "a" },
    containers: [
      { name: "a", lifecycle: { stopSignal: "SIGUSR1" } },
      { name: "b", lifecycle: { stopSignal: "SIGUSR1", preStop: {} } },
    ],
    volumes: [{ name: "v", projected: { sources: [{ clusterTrustBundle: {}, secret: {} }] } }],
  };
  const expected = {
    containers: [{ name: "a" }, { name: "b", lifecycle: { preStop: {} } }],
    volumes: [{ name: "v", projected: { sources: [{ secret: {} }] } }],
  };
  assert.deepEqual(drop("pods", "", { spec }), { spec: expected });
  const job = { spec: { jobTemplate: { spec: { template: { spec } } } } };
  assert.deepEqual(drop("cronjobs", "batch", job), {
    spec: { jobTemplate: { spec: { template: { spec: expected } } } },
  });
  assert.deepEqual(
    drop("pods", "", { spec }, undefined, () => true),
    { spec },
  );
});

test("what is stored already may stay", () => {
  const set = (maxUnavailable?: number) => ({
    spec: { updateStrategy: { rollingUpdate: { partition: 1, maxUnavailable } } },
  });
  assert.deepEqual(drop("statefulsets", "apps", set(3), set(2)), set(3));
  const dropped = drop("statefulsets", "apps", set(3), { spec: {} });
  assert.deepEqual(dropped, { spec: { updateStrategy: { rollingUpdate: { partition: 1 } } } });
});

test("maps are looked into", () => {
  const slice = (attribute: object) => ({ spec: { devices: [{ name: "a", attributes: { x: attribute } }] } });
  assert.deepEqual(
    drop("resourceslices", "resource.k8s.io", slice({ bool: true, bools: [true], strings: ["a"] })),
    slice({ bool: true }),
  );
});
