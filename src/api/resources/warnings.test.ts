import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, warningsOf } from "./validation.fixture.ts";

const container = { name: "a", image: "nginx:1" };
const pod = { metadata: { name: "p", namespace: "ns", generation: 1 }, spec: { containers: [container] } };
const named = (use: string) =>
  `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`;

test("pods", () => {
  const cases: readonly (readonly [path: (string | number)[], value: unknown, ...warnings: string[]])[] = [
    [["metadata", "name"], "a.b", named("the Pod's hostname")],
    [
      ["spec", "nodeSelector"],
      { "beta.kubernetes.io/os": "linux" },
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
    [
      ["spec", "topologySpreadConstraints"],
      [{ topologyKey: "failure-domain.beta.kubernetes.io/zone" }],
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
      "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
    ],
    [
      ["spec", "affinity"],
      { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ podAffinityTerm: {} }] } },
      "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod",
    ],
    [
      ["metadata", "annotations"],
      { "scheduler.alpha.kubernetes.io/critical-pod": "" },
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
    ],
    [
      ["spec", "volumes"],
      [{ name: "v", rbd: { monitors: ["m"], image: "i" } }],
      "spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+",
    ],
    [
      ["spec", "imagePullSecrets"],
      [{ name: "a" }, { name: "a" }, {}],
      'spec.imagePullSecrets[1].name: duplicate name "a"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
    ],
    [
      ["spec", "containers", 0, "resources"],
      { limits: { memory: "100m" } },
      'spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
      'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer',
    ],
    [
      ["spec", "containers", 0, "env"],
      [
        { name: "A", value: "1" },
        { name: "A", value: "$(A)2" },
        { name: "A", value: "3" },
      ],
      'spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply',
    ],
    [
      ["spec", "containers"],
      [
        { ...container, ports: [{ containerPort: 80, name: "web" }] },
        { ...container, name: "b", ports: [{ containerPort: 80, name: "web" }] },
      ],
      "spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]",
      'spec.containers[1].ports[0]: duplicate port name "web" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
    ],
    [
      ["spec", "containers", 0, "ports"],
      [{ containerPort: 80 }, { containerPort: 80, hostPort: 8080 }],
      "spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]",
    ],
    [
      ["spec", "terminationGracePeriodSeconds"],
      -1,
      "spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1",
    ],
  ];
  assert.deepEqual(warningsOf("", "pods", pod), []);
  for (const [path, value, ...warnings] of cases) {
    const object = changed(pod, path, value);
    assert.deepEqual(warningsOf("", "pods", object), warnings, path.join("."));
    assert.deepEqual(warningsOf("", "pods", object, pod), [], "pods are changed by programs");
  }
});

test("workloads, of their templates, and only when these may have changed", () => {
  const template = { spec: { ...pod.spec, nodeSelector: { "beta.kubernetes.io/arch": "amd64" } } };
  const message = (path: string) =>
    `${path}.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead`;
  const object = { metadata: { ...pod.metadata, name: "a.b" }, spec: { template } };
  const use = named("Pod names and hostnames");
  for (const [group, resource, ...warnings] of [
    ["apps", "deployments", use],
    ["apps", "replicasets", use],
    ["", "replicationcontrollers", use],
    ["batch", "jobs", use],
    ["apps", "daemonsets"],
    ["apps", "statefulsets"],
  ] as const) {
    assert.deepEqual(warningsOf(group, resource, object), [...warnings, message("spec.template")], resource);
    assert.deepEqual(warningsOf(group, resource, object, object), [], resource);
    const next = changed(object, ["metadata", "generation"], 2);
    assert.deepEqual(warningsOf(group, resource, next, object), [message("spec.template")], resource);
  }
  const cronJob = { metadata: pod.metadata, spec: { schedule: "@daily", jobTemplate: { spec: { template } } } };
  assert.deepEqual(warningsOf("batch", "cronjobs", cronJob), [message("spec.jobTemplate.spec.template")]);
  const podTemplate = { metadata: pod.metadata, template };
  assert.deepEqual(warningsOf("", "podtemplates", podTemplate), [message("template")]);
});

test("services", () => {
  const service = { metadata: { name: "s" }, spec: { ports: [{ port: 80 }], clusterIPs: ["None"], clusterIP: "None" } };
  const external = { ...service, spec: { ...service.spec, externalIPs: ["1.2.3.4"] } };
  assert.deepEqual(warningsOf("", "services", external), ["spec.externalIPs is ignored for headless services"]);
  assert.deepEqual(warningsOf("", "services", external, external), [], "nothing of it changed");
  const balanced = {
    metadata: { name: "s" },
    spec: {
      type: "LoadBalancer",
      ports: [{ port: 80 }],
      externalIPs: ["1.2.3.4"],
      loadBalancerIP: "fd00:0:0::1",
      loadBalancerSourceRanges: ["10.1.2.3/8"],
      trafficDistribution: "PreferClose",
    },
  };
  assert.deepEqual(warningsOf("", "services", balanced), [
    "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
    'spec.loadBalancerIP: IPv6 address "fd00:0:0::1" should be in RFC 5952 canonical format ("fd00::1")',
    'spec.loadBalancerSourceRanges[0]: CIDR value "10.1.2.3/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.1.2.3/32"?)',
    'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
  ]);
});

test("others", () => {
  const annotated = (annotation: string) => ({ metadata: { name: "x", annotations: { [annotation]: "a" } }, spec: {} });
  const volume = {
    ...annotated("volume.beta.kubernetes.io/storage-class"),
    spec: { persistentVolumeReclaimPolicy: "Recycle" },
  };
  assert.deepEqual(warningsOf("", "persistentvolumes", volume), [
    'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead',
    "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
  ]);
  const claim = { metadata: { name: "x" }, spec: { resources: { requests: { storage: "1500m" } } } };
  assert.deepEqual(warningsOf("", "persistentvolumeclaims", claim), [
    'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer',
  ]);
  assert.deepEqual(warningsOf("networking.k8s.io", "ingresses", annotated("kubernetes.io/ingress.class")), [
    `annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`,
  ]);
  assert.deepEqual(warningsOf("", "serviceaccounts", annotated("kubernetes.io/enforce-mountable-secrets")), [
    "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets",
  ]);
  assert.deepEqual(warningsOf("", "nodes", { metadata: { name: "n" }, spec: { externalID: "i" } }), [
    "spec.externalID: this field is deprecated, and is unused by Kubernetes",
  ]);
  const runtime = {
    metadata: { name: "r" },
    handler: "r",
    scheduling: { nodeSelector: { "beta.kubernetes.io/os": "linux" } },
  };
  assert.deepEqual(warningsOf("node.k8s.io", "runtimeclasses", runtime), [
    'scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead',
  ]);
  const policy = { metadata: { name: "p" }, spec: { egress: [{ to: [{ ipBlock: { cidr: "10.1.2.3/8" } }] }] } };
  assert.match(
    warningsOf("networking.k8s.io", "networkpolicies", policy).join(),
    /^spec\.egress\[0\]\.to\[0\]\.ipBlock\.cidr: CIDR value/,
  );
  const schema = {
    openAPIV3Schema: {
      type: "object",
      properties: { a: { type: "string", format: "moon" }, b: { type: "string", format: "date-time" } },
    },
  };
  const definition = { metadata: { name: "d" }, spec: { versions: [{ name: "v1", schema }] } };
  assert.deepEqual(warningsOf("apiextensions.k8s.io", "customresourcedefinitions", definition), [
    'unrecognized format "moon"',
  ]);
  assert.deepEqual(warningsOf("apiextensions.k8s.io", "customresourcedefinitions", definition, definition), []);
});
