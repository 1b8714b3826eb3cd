import { test } from "node:test";
import { checkCreate, checkUpdate } from "../validation.fixture.ts";

const labels = { app: "web" };
const template = { metadata: { labels }, spec: { containers: [{ name: "a", image: "nginx:1" }] } };
const workload = {
  metadata: { name: "web", namespace: "ns", resourceVersion: "1" },
  spec: { selector: { matchLabels: labels }, template },
};
const spec = (...path: (string | number)[]) => ["spec", ...path];
const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
const negative = (field: string) => `${field}: Invalid value: -1: must be greater than or equal to 0`;
const lasting = (field: string, kind: string) => [
  `${field}.restartPolicy: Unsupported value: "Never": supported values: "Always"`,
  `${field}.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ${kind} is not Supported`,
];
const short = { ...template.spec, restartPolicy: "Never", activeDeadlineSeconds: 5 };
const nothing =
  'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`';
const mismatch = 'Invalid value: {"app":"db"}: `selector` does not match template `labels`';

test("deployments", () => {
  const rolling = "spec.strategy.rollingUpdate";
  checkCreate("apps", "deployments", workload, [
    [spec("replicas"), -1, negative("spec.replicas")],
    [spec("selector"), undefined, "spec.selector: Required value", nothing],
    [spec("selector"), {}, "spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    [spec("template", "metadata", "labels"), { app: "db" }, `spec.template.metadata.labels: ${mismatch}`],
    [spec("template", "spec"), short, ...lasting("spec.template.spec", "ReplicaSet")],
    [spec("template", "spec", "containers"), [], "spec.template.spec.containers: Required value"],
    [
      spec("template", "spec", "ephemeralContainers"),
      [{ name: "debug", image: "b", terminationMessagePolicy: "File", imagePullPolicy: "Always" }],
      "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template",
    ],
    [
      spec("strategy"),
      { type: "Recreate", rollingUpdate: { maxSurge: 1 } },
      `${rolling}: Forbidden: may not be specified when strategy \`type\` is 'Recreate'`,
    ],
    [
      spec("strategy"),
      { type: "Big" },
      'spec.strategy.type: Unsupported value: "Big": supported values: "Recreate", "RollingUpdate"',
    ],
    [
      spec("strategy"),
      { rollingUpdate: { maxSurge: 0, maxUnavailable: "0%" } },
      `${rolling}.maxUnavailable: Invalid value: "0%": may not be 0 when \`maxSurge\` is 0`,
    ],
    [
      spec("strategy"),
      { rollingUpdate: { maxUnavailable: "101%", maxSurge: "200%" } },
      `${rolling}.maxUnavailable: Invalid value: "101%": must not be greater than 100%`,
    ],
    [
      spec("strategy"),
      { rollingUpdate: { maxUnavailable: "a" } },
      `${rolling}.maxUnavailable: Invalid value: "a": ${PERCENT}`,
    ],
    [spec("minReadySeconds"), -1, negative("spec.minReadySeconds")],
    [
      spec("progressDeadlineSeconds"),
      0,
      "spec.progressDeadlineSeconds: Invalid value: 0: must be greater than minReadySeconds",
    ],
    [spec("revisionHistoryLimit"), -1, negative("spec.revisionHistoryLimit")],
  ]);
  const other = { matchLabels: { ...labels, tier: "x" } };
  const selector = JSON.stringify(other);
  checkUpdate("apps", "deployments", workload, [
    [spec("replicas"), 3],
    [spec("template", "spec", "containers", 0, "image"), "nginx:2"],
    [
      spec("selector"),
      other,
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
      `spec.selector: Invalid value: ${selector}: field is immutable`,
    ],
  ]);
  checkUpdate(
    "apps",
    "deployments",
    workload,
    [
      [["status"], { replicas: 1, readyReplicas: 1, availableReplicas: 1, updatedReplicas: 1 }],
      [
        ["status"],
        { replicas: 1, readyReplicas: 2 },
        "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas",
      ],
      [["status"], { replicas: 1, collisionCount: -1 }, negative("status.collisionCount")],
    ],
    "status",
  );
});

test("replica sets and replication controllers", () => {
  checkCreate("apps", "replicasets", workload, [
    [spec("replicas"), -1, negative("spec.replicas")],
    [spec("selector"), {}, "spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    [spec("template", "spec"), short, ...lasting("spec.template.spec", "ReplicaSet")],
  ]);
  checkUpdate("apps", "replicasets", workload, [
    [spec("replicas"), 0],
    [spec("template", "spec", "containers", 0, "image"), "nginx:2"],
  ]);
  const controller = { metadata: workload.metadata, spec: { selector: labels, template } };
  checkCreate("", "replicationcontrollers", controller, [
    [spec("replicas"), -1, negative("spec.replicas")],
    [spec("template"), undefined, "spec.template: Required value"],
    [spec("template", "spec"), short, ...lasting("spec.template.spec", "ReplicationController")],
    [
      spec("selector"),
      { app: "db" },
      'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    ],
  ]);
});

test("stateful sets", () => {
  const set = { ...workload, spec: { ...workload.spec, serviceName: "web" } };
  const update = "spec.updateStrategy";
  checkCreate("apps", "statefulsets", set, [
    [spec("replicas"), -1, negative("spec.replicas")],
    [
      spec("podManagementPolicy"),
      "Any",
      `spec.podManagementPolicy: Invalid value: "Any": must be 'OrderedReady' or 'Parallel'`,
    ],
    [
      spec("updateStrategy"),
      { type: "OnDelete", rollingUpdate: {} },
      `${update}.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'`,
    ],
    [spec("updateStrategy"), { rollingUpdate: { partition: -1 } }, negative(`${update}.rollingUpdate.partition`)],
    [
      spec("updateStrategy"),
      { rollingUpdate: { maxUnavailable: 0 } },
      `${update}.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0`,
    ],
    [
      spec("persistentVolumeClaimRetentionPolicy"),
      { whenDeleted: "Keep", whenScaled: "Delete" },
      'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"',
    ],
    [spec("ordinals"), { start: -1 }, negative("spec.ordinals.start")],
    [spec("template", "spec"), short, ...lasting("spec.template.spec", "StatefulSet")],
  ]);
  checkUpdate("apps", "statefulsets", set, [
    [spec("replicas"), 3],
    [spec("template", "spec", "containers", 0, "image"), "nginx:2"],
    [
      spec("serviceName"),
      "db",
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ],
  ]);
});

test("daemon sets", () => {
  const rolling = "spec.updateStrategy.rollingUpdate";
  checkCreate("apps", "daemonsets", workload, [
    [spec("selector"), undefined, nothing],
    [spec("selector"), {}, "spec.selector: Invalid value: {}: empty selector is invalid for daemonset"],
    [spec("minReadySeconds"), -1, negative("spec.minReadySeconds")],
    [
      spec("updateStrategy"),
      { type: "Now" },
      'spec.updateStrategy.type: Unsupported value: "Now": supported values: "RollingUpdate", "OnDelete"',
    ],
    [spec("updateStrategy"), { type: "OnDelete" }],
    [
      spec("updateStrategy"),
      { rollingUpdate: { maxUnavailable: 1, maxSurge: 1 } },
      `${rolling}.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero`,
    ],
    [
      spec("updateStrategy"),
      { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } },
      `${rolling}.maxUnavailable: Required value: cannot be 0 when maxSurge is 0`,
    ],
    [spec("template", "spec"), short, ...lasting("spec.template.spec", "DaemonSet")],
  ]);
  checkUpdate("apps", "daemonsets", workload, [
    [spec("template", "spec", "containers", 0, "image"), "nginx:2"],
    [
      spec("selector"),
      { matchExpressions: [{ key: "app", operator: "Exists" }] },
      'spec.selector: Invalid value: {"matchExpressions":[{"key":"app","operator":"Exists"}]}: field is immutable',
    ],
  ]);
});

test("controller revisions", () => {
  const revision = { metadata: { name: "r", resourceVersion: "1" }, data: { a: 1 }, revision: 1 };
  checkCreate("apps", "controllerrevisions", revision, [[["revision"], -1, negative("revision")]]);
  checkUpdate("apps", "controllerrevisions", revision, [
    [["revision"], 2],
    [["data"], { a: 2 }, 'data: Invalid value: {"a":2}: field is immutable'],
  ]);
});
