import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreate, checkUpdate, createErrors, updateErrors } from "../validation.fixture.ts";

const metadata = { name: "x", namespace: "ns", resourceVersion: "1" };
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("config maps and secrets", () => {
  const KEY =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  const map = { metadata, data: { a: "1" } };
  checkCreate("", "configmaps", map, [
    [["data"], { "a b": "1" }, `data[a b]: Invalid value: "a b": ${KEY}`],
    [["binaryData"], { a: "AA==" }, 'data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    [["data"], { a: "x".repeat(1024 * 1024 + 1) }, "[]: Too long: may not be more than 1048576 bytes"],
  ]);
  const sealed = { ...map, immutable: true };
  checkUpdate("", "configmaps", sealed, [
    [["data"], { a: "2" }, "data: Forbidden: field is immutable when `immutable` is set"],
    [["immutable"], false, "immutable: Forbidden: field is immutable when `immutable` is set"],
    [["metadata", "labels"], { a: "b" }],
  ]);
  const secret = { metadata, data: { a: base64("1") } };
  checkCreate("", "secrets", secret, [
    [["data"], { "..": "" }, "data[..]: Invalid value: \"..\": must not be '..'"],
    [["type"], "kubernetes.io/tls", "data[tls.crt]: Required value", "data[tls.key]: Required value"],
    [["type"], "kubernetes.io/ssh-auth", "data[ssh-privatekey]: Required value"],
    [
      ["type"],
      "kubernetes.io/service-account-token",
      "metadata.annotations[kubernetes.io/service-account.name]: Required value",
    ],
    [["type"], "kubernetes.io/dockerconfigjson", "data[.dockerconfigjson]: Required value"],
    [["type"], "example.com/anything"],
  ]);
  const config = { metadata, type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("{") } };
  assert.deepEqual(createErrors("", "secrets", config), [
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid JSON',
  ]);
  checkUpdate("", "secrets", secret, [
    [["data"], { a: base64("2") }],
    [["type"], "other", 'type: Invalid value: "other": field is immutable'],
  ]);
});

test("namespaces", () => {
  const namespace = { metadata: { name: "team", resourceVersion: "1" } };
  checkCreate("", "namespaces", namespace, [
    [["spec"], { finalizers: ["a.io/b"] }],
    [
      ["spec"],
      { finalizers: ["mine"] },
      'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
  ]);
  const ending = changed(namespace, ["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
  assert.deepEqual(
    updateErrors("", "namespaces", ending, { ...ending, status: { phase: "Terminating" } }, "status"),
    [],
  );
  assert.deepEqual(
    updateErrors("", "namespaces", namespace, { ...namespace, status: { phase: "Terminating" } }, "status"),
    ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
  );
});

test("nodes", () => {
  const node = {
    metadata: { name: "n", resourceVersion: "1" },
    spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24"], providerID: "a://b" },
  };
  checkCreate("", "nodes", node, [
    [
      ["spec", "taints"],
      [{ key: "a", effect: "Never" }],
      'metadata.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ],
    [
      ["spec", "taints"],
      [
        { key: "a", effect: "NoExecute" },
        { key: "a", effect: "NoExecute" },
      ],
      'metadata.taints[1]: Duplicate value: {"key":"a","effect":"NoExecute"}: taints must be unique by key and effect pair',
    ],
    [
      ["spec", "podCIDRs"],
      ["10.1.0.0/24", "10.2.0.0/24"],
      'spec.podCIDRs: Invalid value: ["10.1.0.0/24","10.2.0.0/24"]: may specify no more than one CIDR for each IP family',
    ],
  ]);
  checkUpdate("", "nodes", node, [
    [["spec", "unschedulable"], true],
    [["spec", "taints"], [{ key: "a", effect: "NoExecute" }]],
    [
      ["spec", "podCIDRs"],
      ["10.9.0.0/24"],
      'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    ],
    [
      ["spec", "providerID"],
      "c://d",
      'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
    ],
  ]);
});

test("persistent volumes and claims", () => {
  const volume = {
    metadata: { name: "v", resourceVersion: "1" },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" } },
  };
  checkCreate("", "persistentvolumes", volume, [
    [["spec", "accessModes"], [], "spec.accessModes: Required value"],
    [
      ["spec", "capacity"],
      {},
      "spec.capacity: Required value",
      'spec.capacity: Unsupported value: {}: supported values: "storage"',
    ],
    [
      ["spec", "capacity", "storage"],
      "-1Gi",
      'spec.capacity[storage]: Invalid value: "-1Gi": must be greater than zero',
    ],
    [["spec", "hostPath"], undefined, "spec: Required value: must specify a volume type"],
    [["spec", "nfs"], { server: "s", path: "/p" }, "spec.nfs: Forbidden: may not specify more than 1 volume type"],
    [
      ["spec", "persistentVolumeReclaimPolicy"],
      "Burn",
      'spec.persistentVolumeReclaimPolicy: Unsupported value: "Burn": supported values: "Delete", "Recycle", "Retain"',
    ],
    [["spec", "local"], undefined],
  ]);
  const moved = updateErrors("", "persistentvolumes", volume, changed(volume, ["spec", "hostPath", "path"], "/other"));
  assert.match(
    moved.join(),
    /^spec\.persistentvolumesource: Forbidden: spec\.persistentvolumesource is immutable after creation\n/,
  );

  const claim = {
    metadata,
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, storageClassName: "fast" },
    status: { phase: "Bound", capacity: { storage: "1Gi" } },
  };
  checkCreate("", "persistentvolumeclaims", claim, [
    [["spec", "accessModes"], [], "spec.accessModes: Required value: at least 1 access mode is required"],
    [["spec", "resources"], {}, "spec.resources[storage]: Required value"],
    [
      ["spec", "accessModes"],
      ["ReadWriteOncePod", "ReadOnlyMany"],
      "spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes",
    ],
  ]);
  const update = (path: (string | number)[], value: unknown) =>
    updateErrors("", "persistentvolumeclaims", claim, changed(claim, path, value)).map((line) => line.split("\n")[0]);
  assert.deepEqual(update(["spec", "resources", "requests", "storage"], "2Gi"), [], "a bound claim may grow");
  assert.deepEqual(update(["spec", "resources", "requests", "storage"], "512Mi"), [
    "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
  ]);
  assert.deepEqual(update(["spec", "storageClassName"], "slow"), [
    "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
  ]);
});

test("quotas and limit ranges", () => {
  const quota = { metadata, spec: { hard: { pods: "10", "requests.cpu": "4" } } };
  const hard = (name: string, value: string) => [["spec", "hard"], { [name]: value }] as const;
  checkCreate("", "resourcequotas", quota, [
    [...hard("count/deployments.apps", "5")],
    [
      ...hard("rocks", "5"),
      'spec.hard[rocks]: Invalid value: "rocks": must be a standard resource type or fully qualified',
      'spec.hard[rocks]: Invalid value: "rocks": must be a standard resource for quota',
    ],
    [...hard("pods", "-1"), 'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0'],
    [...hard("pods", "1500m"), 'spec.hard[pods]: Invalid value: "1500m": must be an integer'],
    [
      ["spec", "scopes"],
      ["BestEffort", "NotBestEffort"],
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: unsupported scope applied to resource',
      'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes',
    ],
  ]);
  checkUpdate("", "resourcequotas", quota, [
    [["spec", "hard"], { pods: "20" }],
    [["spec", "scopes"], ["Terminating"], 'spec.scopes: Invalid value: ["Terminating"]: field is immutable'],
  ]);
  const range = { metadata, spec: { limits: [{ type: "Container", min: { cpu: "100m" }, max: { cpu: "1" } }] } };
  const limit = (...path: string[]) => ["spec", "limits", 0, ...path];
  checkCreate("", "limitranges", range, [
    [
      limit("min"),
      { cpu: "2" },
      // Defaults come from the maximum.
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
    ],
    [
      limit("default"),
      { cpu: "2" },
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max value 1',
      'spec.limits[0].default[cpu]: Invalid value: "1": default value 2 is greater than max value 1',
    ],
    [
      limit("type"),
      "Thing",
      'spec.limits[0].type: Invalid value: "Thing": must be a standard limit type or fully qualified',
    ],
    [
      ["spec", "limits"],
      [{ type: "Pod", default: { cpu: "1" } }],
      "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'",
    ],
    [
      ["spec", "limits"],
      [{ type: "PersistentVolumeClaim" }],
      "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
    ],
  ]);
});

test("endpoints and events", () => {
  const endpoints = { metadata, subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] };
  checkCreate("", "endpoints", endpoints, [
    [["subsets", 0, "addresses"], [], "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"],
    [
      ["subsets", 0, "addresses", 0, "ip"],
      "169.254.1.1",
      'subsets[0].addresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
    [["subsets", 0, "ports"], [{ port: 80 }, { port: 81, name: "b" }], "subsets[0].ports[0].name: Required value"],
  ]);
  const event = { metadata, involvedObject: { kind: "Pod", name: "p", namespace: "ns" }, reason: "Started" };
  checkCreate("", "events", event, [
    [
      ["involvedObject", "namespace"],
      "other",
      'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
    ],
    [
      ["eventTime"],
      "2026-05-01T00:00:00.000000Z",
      "reportingComponent: Required value",
      'reportingComponent: Invalid value: "": name part must be non-empty',
      "reportingComponent: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      "reportingInstance: Required value",
      "action: Required value",
    ],
  ]);
});
