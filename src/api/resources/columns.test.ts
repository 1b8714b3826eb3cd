import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../object.ts";
import { resourceDefinition, resourceDefinitions } from "./index.ts";

const NOW = Date.parse("2026-05-01T12:00:00Z");
const created = "2026-05-01T11:55:00Z";

/** The cells of a row by the names of their columns. */
function row(group: string, resource: string, object: object): Record<string, unknown> {
  const definition = resourceDefinition(group, resource)!;
  const full = { metadata: { name: "x", creationTimestamp: created }, ...object } as UnknownObject;
  return Object.fromEntries(definition.columns!.map((column) => [column.name, column.cell(full, NOW)]));
}

function shows(group: string, resource: string, object: object, expected: Record<string, unknown>): void {
  const cells = row(group, resource, object);
  const picked = Object.fromEntries(Object.keys(expected).map((name) => [name, cells[name]]));
  assert.deepEqual(picked, expected);
}

const waiting = (reason?: string) => ({ waiting: { reason } });
const terminated = (exitCode: number, reason?: string, finishedAt?: string) => ({
  terminated: { exitCode, reason, finishedAt },
});
const running = { running: { startedAt: created } };
const status = (name: string, state: object, more: object = {}) => ({
  name,
  image: "i",
  imageID: "",
  ready: false,
  restartCount: 0,
  state,
  ...more,
});
const twoContainers = { containers: [{ name: "a" }, { name: "b" }] };

test("pods are summed up in a word and a few counts", () => {
  const cases: [title: string, pod: object, ready: string, word: string, restarts: string][] = [
    ["nothing known", { spec: twoContainers, status: { phase: "Pending" } }, "0/2", "Pending", "0"],
    [
      "running",
      {
        spec: twoContainers,
        status: {
          phase: "Running",
          containerStatuses: [
            status("a", running, { ready: true, restartCount: 2, lastState: terminated(1, "Error", created) }),
            status("b", running, { ready: true }),
          ],
        },
      },
      "2/2",
      "Running",
      "2 (5m ago)",
    ],
    [
      "crash loop",
      {
        spec: twoContainers,
        status: {
          phase: "Running",
          containerStatuses: [status("a", waiting("CrashLoopBackOff")), status("b", running, { ready: true })],
        },
      },
      "1/2",
      "CrashLoopBackOff",
      "0",
    ],
    [
      "one completed, one running and ready",
      {
        spec: twoContainers,
        status: {
          phase: "Running",
          conditions: [{ type: "Ready", status: "True" }],
          containerStatuses: [status("a", terminated(0, "Completed")), status("b", running, { ready: true })],
        },
      },
      "1/2",
      "Running",
      "0",
    ],
    [
      "one completed, one running, not ready",
      {
        spec: twoContainers,
        status: {
          phase: "Running",
          containerStatuses: [status("a", terminated(0, "Completed")), status("b", running, { ready: true })],
        },
      },
      "1/2",
      "NotReady",
      "0",
    ],
    [
      "exit code without a reason",
      { spec: twoContainers, status: { phase: "Failed", containerStatuses: [status("a", terminated(3))] } },
      "0/2",
      "ExitCode:3",
      "0",
    ],
    [
      "first of two init containers",
      {
        spec: { ...twoContainers, initContainers: [{ name: "i" }, { name: "j" }] },
        status: { phase: "Pending", initContainerStatuses: [status("i", running), status("j", waiting())] },
      },
      "0/2",
      "Init:0/2",
      "0",
    ],
    [
      "init container failed",
      {
        spec: { ...twoContainers, initContainers: [{ name: "i" }] },
        status: { phase: "Pending", initContainerStatuses: [status("i", terminated(1, "Error"), { restartCount: 4 })] },
      },
      "0/2",
      "Init:Error",
      "4",
    ],
    [
      "sidecar started",
      {
        spec: { ...twoContainers, initContainers: [{ name: "s", restartPolicy: "Always" }] },
        status: {
          phase: "Running",
          initContainerStatuses: [status("s", running, { ready: true, started: true, restartCount: 1 })],
          containerStatuses: [status("a", running, { ready: true })],
        },
      },
      "2/3",
      "Running",
      "1",
    ],
    [
      "being deleted",
      { metadata: { name: "x", deletionTimestamp: created }, spec: twoContainers, status: { phase: "Running" } },
      "0/2",
      "Terminating",
      "0",
    ],
    [
      "being deleted on a lost node",
      {
        metadata: { name: "x", deletionTimestamp: created },
        spec: twoContainers,
        status: { phase: "Running", reason: "NodeLost" },
      },
      "0/2",
      "Unknown",
      "0",
    ],
    ["evicted", { spec: twoContainers, status: { phase: "Failed", reason: "Evicted" } }, "0/2", "Evicted", "0"],
    [
      "held back",
      {
        spec: twoContainers,
        status: {
          phase: "Pending",
          conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
        },
      },
      "0/2",
      "SchedulingGated",
      "0",
    ],
  ];
  for (const [title, pod, ready, word, restarts] of cases) {
    const cells = row("", "pods", pod);
    assert.deepEqual([cells.Ready, cells.Status, cells.Restarts], [ready, word, restarts], title);
  }
  shows("", "pods", { spec: twoContainers }, { IP: "<none>", Node: "<none>", "Readiness Gates": "<none>", Age: "5m" });
});

test("other kinds of core", () => {
  shows(
    "",
    "nodes",
    {
      metadata: {
        name: "n",
        labels: { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "" },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: "Ready", status: "True" }],
        addresses: [{ type: "InternalIP", address: "10.0.0.2" }],
        nodeInfo: { kubeletVersion: "v1.36.0" },
      },
    },
    {
      Status: "Ready,SchedulingDisabled",
      Roles: "control-plane,worker",
      Version: "v1.36.0",
      "Internal-IP": "10.0.0.2",
      "External-IP": "<none>",
      "OS-Image": "<unknown>",
      Age: "<unknown>",
    },
  );
  shows(
    "",
    "services",
    {
      spec: {
        type: "NodePort",
        clusterIPs: ["10.96.0.9"],
        ports: [
          { port: 80, nodePort: 30080, protocol: "TCP" },
          { port: 53, protocol: "UDP" },
        ],
        selector: { b: "2", a: "1" },
      },
    },
    {
      Type: "NodePort",
      "Cluster-IP": "10.96.0.9",
      "External-IP": "<none>",
      "Port(s)": "80:30080/TCP,53/UDP",
      Selector: "a=1,b=2",
    },
  );
  shows("", "services", { spec: { type: "LoadBalancer" } }, { "External-IP": "<pending>", "Port(s)": "<none>" });
  shows(
    "",
    "endpoints",
    { subsets: [{ addresses: ["1", "2", "3", "4"].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }] },
    { Endpoints: "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more..." },
  );
  shows("", "endpoints", {}, { Endpoints: "<none>" });
  shows(
    "",
    "events",
    {
      involvedObject: { kind: "Pod", name: "p" },
      type: "Warning",
      reason: "BackOff",
      message: " text\n",
      count: 0,
      lastTimestamp: created,
      source: { component: "kubelet", host: "n" },
    },
    { "Last Seen": "5m", Type: "Warning", Object: "pod/p", Message: "text", Source: "kubelet, n", Count: 1, Name: "x" },
  );
  shows("", "configmaps", { data: { a: "1" }, binaryData: { b: "" } }, { Data: 2 });
  shows(
    "",
    "persistentvolumeclaims",
    {
      spec: { volumeName: "v" },
      status: { phase: "Bound", capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"] },
    },
    { Status: "Bound", Volume: "v", Capacity: "1Gi", "Access Modes": "RWO", VolumeMode: "<unset>" },
  );
  shows(
    "",
    "resourcequotas",
    { status: { hard: { pods: "10", "limits.cpu": "2" }, used: { pods: "3" } } },
    { Request: "pods: 3/10", Limit: "limits.cpu: 0/2" },
  );
});

test("workloads and others", () => {
  const template = {
    spec: {
      containers: [
        { name: "a", image: "i" },
        { name: "b", image: "j" },
      ],
    },
  };
  const selector = { matchLabels: { app: "web" } };
  shows(
    "apps",
    "deployments",
    {
      spec: { replicas: 3, template, selector },
      status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 2 },
    },
    { Ready: "2/3", "Up-to-date": 3, Available: 2, Containers: "a,b", Images: "i,j", Selector: "app=web" },
  );
  shows(
    "batch",
    "jobs",
    { spec: { completions: 3, template }, status: { succeeded: 1, startTime: created } },
    {
      Status: "Running",
      Completions: "1/3",
      Duration: "5m",
      Selector: "<none>",
    },
  );
  shows(
    "batch",
    "cronjobs",
    { spec: { schedule: "* * * * *", suspend: false } },
    {
      Suspend: "False",
      Active: 0,
      "Last Schedule": "<none>",
      Timezone: "<none>",
    },
  );
  shows(
    "policy",
    "poddisruptionbudgets",
    { spec: { minAvailable: "50%" } },
    {
      "Min Available": "50%",
      "Max Unavailable": "N/A",
      "Allowed Disruptions": 0,
    },
  );
  shows(
    "autoscaling",
    "horizontalpodautoscalers",
    {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        minReplicas: 1,
        maxReplicas: 5,
        metrics: [{ type: "Resource", resource: { name: "cpu", target: { averageUtilization: 80 } } }],
      },
    },
    { Reference: "Deployment/web", Targets: "cpu: <unknown>/80%", MinPods: "1", MaxPods: 5, Replicas: 0 },
  );
  shows(
    "discovery.k8s.io",
    "endpointslices",
    { addressType: "IPv4", ports: [{ port: 80 }], endpoints: [{ addresses: ["10.0.0.1"] }] },
    { AddressType: "IPv4", Ports: "80", Endpoints: "10.0.0.1" },
  );
  shows("discovery.k8s.io", "endpointslices", { addressType: "IPv4" }, { Ports: "<unset>", Endpoints: "<unset>" });
  shows(
    "rbac.authorization.k8s.io",
    "rolebindings",
    {
      roleRef: { kind: "Role", name: "r" },
      subjects: [
        { kind: "ServiceAccount", namespace: "ns", name: "sa" },
        { kind: "User", name: "u" },
      ],
    },
    { Role: "Role/r", Users: "u", Groups: "", ServiceAccounts: "ns/sa" },
  );
  shows(
    "networking.k8s.io",
    "ingresses",
    { spec: { rules: [{ host: "a" }, {}, { host: "b" }], tls: [{}] } },
    { Class: "<none>", Hosts: "a,b", Address: "", Ports: "80, 443" },
  );
  shows(
    "storage.k8s.io",
    "storageclasses",
    { metadata: { name: "fast", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } } },
    { Name: "fast (default)", AllowVolumeExpansion: false },
  );
  shows(
    "certificates.k8s.io",
    "certificatesigningrequests",
    { spec: { signerName: "s", username: "u" }, status: { conditions: [{ type: "Approved" }], certificate: "x" } },
    { Condition: "Approved,Issued", RequestedDuration: "<none>" },
  );
});

test("no column stumbles over an object with nothing in it", () => {
  for (const { type, columns } of resourceDefinitions) {
    for (const column of columns ?? []) {
      const cell = column.cell({ metadata: { name: "x" } }, NOW);
      assert.notEqual(cell, undefined, `${type.resource}: ${column.name}`);
    }
  }
});
