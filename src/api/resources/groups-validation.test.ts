import { test } from "node:test";
import { checkCreate, checkUpdate } from "./validation.fixture.ts";

const metadata = { name: "x", namespace: "ns", resourceVersion: "1" };
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

test("roles and bindings", () => {
  const group = "rbac.authorization.k8s.io";
  const role = { metadata, rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] };
  checkCreate(group, "roles", role, [
    [["rules", 0, "verbs"], [], "rules[0].verbs: Required value: verbs must contain at least one value"],
    [
      ["rules", 0, "apiGroups"],
      [],
      "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
    ],
    [
      ["rules", 0, "resources"],
      [],
      "rules[0].resources: Required value: resource rules must supply at least one resource",
    ],
    [
      ["rules"],
      [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }],
      'rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ]);
  checkCreate(group, "clusterroles", role, [
    [["rules"], [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }]],
    [
      ["rules", 0, "nonResourceURLs"],
      ["/x"],
      'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
    ],
    [
      ["aggregationRule"],
      {},
      "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
    ],
  ]);
  const binding = {
    metadata,
    roleRef: { kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "ServiceAccount", name: "bot", namespace: "ns" }],
  };
  checkCreate(group, "rolebindings", binding, [
    [["roleRef", "kind"], "Thing", 'roleRef.kind: Unsupported value: "Thing": supported values: "Role", "ClusterRole"'],
    [["roleRef", "name"], "", "roleRef.name: Required value"],
    [["roleRef", "apiGroup"], "x", `roleRef.apiGroup: Unsupported value: "x": supported values: "${group}"`],
    [
      ["subjects", 0, "kind"],
      "Robot",
      'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    ],
    [["subjects"], [{ kind: "User", name: "a", apiGroup: "" }]],
    [
      ["subjects"],
      [{ kind: "User", name: "" }],
      "subjects[0].name: Required value",
      'subjects[0].name: Invalid value: "": user name cannot be empty',
    ],
  ]);
  checkCreate(group, "clusterrolebindings", binding, [
    [["roleRef", "kind"], "Role", 'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    [["subjects", 0, "namespace"], "", "subjects[0].namespace: Required value"],
  ]);
  checkUpdate(group, "clusterrolebindings", binding, [
    [["subjects"], []],
    [
      ["roleRef", "name"],
      "admin",
      `roleRef: Invalid value: {"kind":"ClusterRole","name":"admin","apiGroup":"${group}"}: cannot change roleRef`,
    ],
  ]);
});

test("leases, priorities, runtime classes and budgets", () => {
  checkCreate("coordination.k8s.io", "leases", { metadata, spec: {} }, [
    [["spec", "leaseDurationSeconds"], 0, "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    [["spec", "leaseTransitions"], -1, "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"],
    [
      ["spec", "preferredHolder"],
      "me",
      "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined",
    ],
  ]);
  const priority = { metadata: { name: "high", resourceVersion: "1" }, value: 1000 };
  checkCreate("scheduling.k8s.io", "priorityclasses", priority, [
    [["value"], 1_000_000_001, "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    [
      ["metadata", "name"],
      "system-mine",
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
    [
      ["preemptionPolicy"],
      "Always",
      'preemptionPolicy: Unsupported value: "Always": supported values: "Never", "PreemptLowerPriority"',
    ],
  ]);
  checkUpdate("scheduling.k8s.io", "priorityclasses", priority, [
    [["description"], "d"],
    [["value"], 5, "value: Forbidden: may not be changed in an update."],
    [["preemptionPolicy"], "Never", 'preemptionPolicy: Invalid value: "Never": field is immutable'],
  ]);
  const runtime = { metadata: { name: "r", resourceVersion: "1" }, handler: "runc" };
  checkCreate("node.k8s.io", "runtimeclasses", runtime, [
    [
      ["overhead"],
      { podFixed: { cpu: "-1" } },
      'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
  ]);
  checkUpdate("node.k8s.io", "runtimeclasses", runtime, [
    [["handler"], "kata", 'handler: Invalid value: "kata": field is immutable'],
  ]);
  const budget = { metadata, spec: { minAvailable: 1, selector: {} } };
  checkCreate("policy", "poddisruptionbudgets", budget, [
    [
      ["spec", "maxUnavailable"],
      1,
      'spec: Invalid value: {"minAvailable":1,"selector":{},"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set',
    ],
    [["spec", "minAvailable"], "120%", 'spec.minAvailable: Invalid value: "120%": must not be greater than 100%'],
    [
      ["spec", "unhealthyPodEvictionPolicy"],
      "Now",
      'spec.unhealthyPodEvictionPolicy: Unsupported value: "Now": supported values: "AlwaysAllow", "IfHealthyBudget"',
    ],
  ]);
  checkUpdate(
    "policy",
    "poddisruptionbudgets",
    budget,
    [
      [
        ["status"],
        { disruptionsAllowed: -1, conditions: [{ type: "A", status: "Maybe", reason: "9", lastTransitionTime: "t" }] },
        'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
        "status.conditions[0].reason: Invalid value: \"9\": a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')",
        "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0",
      ],
    ],
    "status",
  );
});

test("autoscalers", () => {
  const autoscaler = {
    metadata,
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      maxReplicas: 5,
      behavior: { scaleDown: {} },
    },
  };
  const metric = (value: object) => [["spec", "metrics"], [value]] as const;
  const cpu = { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } };
  checkCreate("autoscaling", "horizontalpodautoscalers", autoscaler, [
    [["spec", "minReplicas"], 0, "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"],
    [["spec", "minReplicas"], 9, "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"],
    [["spec", "scaleTargetRef", "kind"], "", "spec.scaleTargetRef.kind: Required value"],
    [["spec", "scaleTargetRef", "name"], "..", "spec.scaleTargetRef.name: Invalid value: \"..\": may not be '..'"],
    [...metric({ type: "Resource", resource: cpu })],
    [
      ...metric({ type: "Resource" }),
      "spec.metrics[0].resource: Required value: must populate information for the given metric source",
    ],
    [
      ...metric({ type: "Resource", resource: cpu, pods: { metric: { name: "m" }, target: { type: "AverageValue" } } }),
      "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
      "spec.metrics[0].pods: Forbidden: must populate the given metric source only",
    ],
    [
      ...metric({ type: "Resource", resource: { name: "cpu", target: { type: "Utilization" } } }),
      "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
    ],
    [
      ...metric({ type: "External", external: { metric: {}, target: { type: "Value", value: "0" } } }),
      "spec.metrics[0].external.metric.name: Required value: must specify a metric name",
      'spec.metrics[0].external.target.value: Invalid value: "0": must be positive',
    ],
    [
      ["spec", "behavior", "scaleDown"],
      {
        stabilizationWindowSeconds: 3601,
        selectPolicy: "Avg",
        policies: [{ type: "Pods", value: 0, periodSeconds: 1801 }],
      },
      "spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600",
      'spec.behavior.scaleDown.selectPolicy: Unsupported value: "Avg": supported values: "Disabled", "Max", "Min"',
      "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero",
      "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
    ],
  ]);
});

test("endpoint slices", () => {
  const slice = {
    metadata,
    addressType: "IPv4",
    endpoints: [{ addresses: ["10.0.0.1"] }],
    ports: [{ name: "a", port: 80 }],
  };
  const endpoint = "endpoints[0]";
  checkCreate("discovery.k8s.io", "endpointslices", slice, [
    [["addressType"], "IP", 'addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"'],
    [["endpoints", 0, "addresses"], [], `${endpoint}.addresses: Required value: must contain at least 1 address`],
    [
      ["endpoints", 0, "addresses"],
      ["fd00::1"],
      `${endpoint}.addresses[0]: Invalid value: "fd00::1": must be an IPv4 address`,
    ],
    [
      ["endpoints", 0, "addresses"],
      ["0.0.0.0"],
      `${endpoint}.addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)`,
    ],
    [["endpoints", 0, "nodeName"], "A", `${endpoint}.nodeName: Invalid value: "A": ${SUBDOMAIN}`],
    [
      ["endpoints", 0, "hints"],
      { forZones: [{ name: "a" }, { name: "a" }] },
      `${endpoint}.hints.forZones[1].name: Duplicate value: "a"`,
    ],
    [["ports"], [{ name: "a" }, { name: "a" }], 'ports[1].name: Duplicate value: "a"'],
    [
      ["ports", 0, "protocol"],
      "ICMP",
      'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      ["endpoints"],
      Array(1001).fill({ addresses: ["10.0.0.1"] }),
      "endpoints: Too many: 1001: must have at most 1000 items",
    ],
  ]);
  checkUpdate("discovery.k8s.io", "endpointslices", { ...slice, endpoints: [] }, [
    [["addressType"], "IPv6", 'addressType: Invalid value: "IPv6": field is immutable'],
  ]);
});

test("ingresses and their classes", () => {
  const backend = { service: { name: "web", port: { number: 80 } } };
  const path = { path: "/", pathType: "Prefix", backend };
  const ingress = { metadata, spec: { rules: [{ host: "a.example.com", http: { paths: [path] } }] } };
  const first = (...rest: (string | number)[]) => ["spec", "rules", 0, "http", "paths", 0, ...rest];
  const field = "spec.rules[0].http.paths[0]";
  const group = "networking.k8s.io";
  checkCreate(group, "ingresses", ingress, [
    [["spec"], {}, "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"],
    [["spec", "rules", 0, "host"], "*.example.com"],
    [
      ["spec", "rules", 0, "host"],
      "1.2.3.4",
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ],
    [["spec", "rules", 0, "http"], { paths: [] }, "spec.rules[0].http.paths: Required value"],
    [first("pathType"), undefined, `${field}.pathType: Required value: pathType must be specified`],
    [
      first("pathType"),
      "Regex",
      `${field}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
    ],
    [first("path"), "a", `${field}.path: Invalid value: "a": must be an absolute path`],
    [first("path"), "/a//b", `${field}.path: Invalid value: "/a//b": must not contain '//'`],
    [first("path"), "/a/..", `${field}.path: Invalid value: "/a/..": cannot end with '/..'`],
    [first("backend"), {}, `${field}.backend: Invalid value: "": resource or service backend is required`],
    [
      first("backend"),
      { service: { name: "web", port: {} } },
      `${field}.backend: Required value: port name or number is required`,
    ],
    [
      first("backend"),
      { ...backend, resource: { kind: "Bucket", name: "b" } },
      `${field}.backend: Invalid value: "": cannot set both resource and service backends`,
    ],
    [
      ["spec", "tls"],
      [{ hosts: ["*"] }],
      `spec.tls[0].hosts[0]: Invalid value: "*": a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  ]);
  const both = { ...ingress, metadata: { ...metadata, annotations: { "kubernetes.io/ingress.class": "a" } } };
  checkCreate(group, "ingresses", both, [
    [
      ["spec", "ingressClassName"],
      "b",
      'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
    ],
  ]);
  const ingressClass = { metadata: { name: "c", resourceVersion: "1" }, spec: { controller: "a.io/b" } };
  const parameters = { kind: "Config", name: "p" };
  checkCreate(group, "ingressclasses", ingressClass, [
    [["spec", "controller"], "", "spec.controller: Required value"],
    [
      ["spec", "controller"],
      "b",
      'spec.controller: Invalid value: "b": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
    [
      ["spec", "parameters"],
      { ...parameters, scope: "Namespace" },
      "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'",
    ],
    [
      ["spec", "parameters"],
      { ...parameters, namespace: "ns" },
      "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
    ],
  ]);
  checkUpdate(group, "ingressclasses", ingressClass, [
    [["spec", "controller"], "c.io/d", 'spec.controller: Invalid value: "c.io/d": field is immutable'],
  ]);
});

test("network policies and addresses", () => {
  const group = "networking.k8s.io";
  const policy = {
    metadata,
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] },
  };
  const port = (value: object) => [["spec", "ingress", 0, "ports"], [value]] as const;
  const peer = (value: object) => [["spec", "ingress", 0, "from"], [value]] as const;
  const [ports, from] = ["spec.ingress[0].ports[0]", "spec.ingress[0].from[0]"];
  checkCreate(group, "networkpolicies", policy, [
    [...port({ port: 80, endPort: 90 })],
    [
      ...port({ port: 80, endPort: 70 }),
      `${ports}.endPort: Invalid value: 70: must be greater than or equal to \`port\``,
    ],
    [
      ...port({ endPort: 70 }),
      `${ports}.endPort: Invalid value: 70: may not be specified when \`port\` is not specified`,
    ],
    [
      ...port({ port: "web", endPort: 70 }),
      `${ports}.endPort: Invalid value: 70: may not be specified when \`port\` is non-numeric`,
    ],
    [
      ...port({ protocol: "ICMP" }),
      `${ports}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"`,
    ],
    [...peer({}), `${from}: Required value: must specify a peer`],
    [
      ...peer({ podSelector: {}, ipBlock: { cidr: "10.0.0.0/8" } }),
      `${from}: Forbidden: may not specify both ipBlock and another peer`,
    ],
    [
      ...peer({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16", "11.0.0.0/16"] } }),
      `${from}.ipBlock.except[1]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``,
    ],
    [
      ["spec", "policyTypes"],
      ["Both"],
      'spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"',
    ],
  ]);
  const address = {
    metadata: { name: "10.96.0.1", resourceVersion: "1" },
    spec: { parentRef: { resource: "services", name: "kubernetes", namespace: "default" } },
  };
  checkCreate(group, "ipaddresses", address, [
    [
      ["metadata", "name"],
      "fd00:0::1",
      'metadata.name: Invalid value: "fd00:0::1": must be in canonical form ("fd00::1")',
    ],
    [["spec", "parentRef"], undefined, "spec.parentRef: Required value"],
    [["spec", "parentRef", "name"], "", "spec.parentRef.name: Required value"],
  ]);
  checkUpdate(group, "ipaddresses", address, [
    [
      ["spec", "parentRef"],
      { resource: "services", name: "other" },
      'spec.parentRef: Invalid value: {"resource":"services","name":"other"}: field is immutable',
    ],
  ]);
  const range = { metadata: { name: "more", resourceVersion: "1" }, spec: { cidrs: ["10.96.0.0/16"] } };
  checkCreate(group, "servicecidrs", range, [
    [["spec", "cidrs"], [], "spec.cidrs: Required value: at least one CIDR required"],
    [
      ["spec", "cidrs"],
      ["10.96.0.0/16", "10.97.0.0/16"],
      'spec.cidrs: Invalid value: ["10.96.0.0/16","10.97.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
    [
      ["spec", "cidrs"],
      ["10.96.0.1/16"],
      'spec.cidrs[0]: Invalid value: "10.96.0.1/16": must not have bits set beyond the prefix length',
    ],
  ]);
  checkUpdate(group, "servicecidrs", range, [
    [
      ["spec", "cidrs"],
      ["10.96.0.0/16", "fd00::/112"],
    ],
    [["spec", "cidrs"], ["10.97.0.0/16"], 'spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable'],
  ]);
});

test("storage", () => {
  const group = "storage.k8s.io";
  const storageClass = {
    metadata: { name: "fast", resourceVersion: "1" },
    provisioner: "a.io/b",
    parameters: { a: "b" },
  };
  checkCreate(group, "storageclasses", storageClass, [
    [["provisioner"], "", "provisioner: Required value"],
    [["reclaimPolicy"], "Recycle", 'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"'],
    [
      ["volumeBindingMode"],
      "Late",
      'volumeBindingMode: Unsupported value: "Late": supported values: "Immediate", "WaitForFirstConsumer"',
    ],
    [["parameters"], { "": "x" }, 'parameters: Invalid value: "": field can not be empty.'],
    [
      ["allowedTopologies"],
      [{ matchLabelExpressions: [{ key: "zone", values: [] }] }],
      "allowedTopologies[0].matchLabelExpressions[0].values: Required value",
    ],
  ]);
  checkUpdate(group, "storageclasses", storageClass, [
    [["allowVolumeExpansion"], true],
    [["parameters"], { a: "c" }, "parameters: Forbidden: updates to parameters are forbidden."],
    [["provisioner"], "c.io/d", "provisioner: Forbidden: updates to provisioner are forbidden."],
    [["reclaimPolicy"], "Retain", "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden."],
  ]);
  const attachment = {
    metadata: { name: "a", resourceVersion: "1" },
    spec: { attacher: "csi.io", nodeName: "n", source: { persistentVolumeName: "v" } },
  };
  checkCreate(group, "volumeattachments", attachment, [
    [
      ["spec", "source"],
      {},
      "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
    ],
    [
      ["spec", "attacher"],
      "",
      "spec.attacher: Required value",
      "spec.attacher: Required value",
      `spec.attacher: Invalid value: "": ${SUBDOMAIN}`,
    ],
  ]);
  checkUpdate(group, "volumeattachments", attachment, [
    [
      ["spec", "nodeName"],
      "m",
      'spec: Invalid value: {"attacher":"csi.io","nodeName":"m","source":{"persistentVolumeName":"v"}}: field is immutable',
    ],
  ]);
  const driver = { metadata: { name: "csi.io", resourceVersion: "1" }, spec: {} };
  checkCreate(group, "csidrivers", driver, [
    [
      ["spec", "fsGroupPolicy"],
      "Maybe",
      'spec.fsGroupPolicy: Unsupported value: "Maybe": supported values: "File", "None", "ReadWriteOnceWithFSType"',
    ],
    [
      ["spec", "tokenRequests"],
      [{ audience: "a", expirationSeconds: 5 }, { audience: "a" }],
      "spec.tokenRequests[0].expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes",
      'spec.tokenRequests[1].audience: Duplicate value: "a"',
    ],
  ]);
  checkUpdate(group, "csidrivers", driver, [
    [["spec", "requiresRepublish"], true],
    [["spec", "attachRequired"], false, "spec.attachedRequired: Invalid value: false: field is immutable"],
  ]);
  const node = { metadata: { name: "n", resourceVersion: "1" }, spec: { drivers: [{ name: "csi.io", nodeID: "1" }] } };
  checkCreate(group, "csinodes", node, [
    [["spec", "drivers", 0, "nodeID"], "", "spec.drivers[0].nodeID: Required value"],
    [["spec", "drivers", 0, "topologyKeys"], ["a", "a"], 'spec.drivers[0]: Duplicate value: "a"'],
  ]);
  checkUpdate(group, "csinodes", node, [
    [["spec", "drivers"], []],
    [["spec", "drivers", 0, "allocatable"], { count: 5 }],
    [
      ["spec", "drivers", 0, "nodeID"],
      "2",
      'spec.drivers: Invalid value: {"name":"csi.io","nodeID":"2"}: field is immutable',
    ],
  ]);
  const attributes = { metadata: { name: "gold", resourceVersion: "1" }, driverName: "csi.io", parameters: { a: "b" } };
  checkCreate(group, "volumeattributesclasses", attributes, [
    [["parameters"], {}, "parameters: Required value: must contain at least one key/value pair"],
  ]);
  const capacity = { metadata, storageClassName: "fast", capacity: "1Gi", nodeTopology: {} };
  checkCreate(group, "csistoragecapacities", capacity, [
    [["capacity"], "-1", 'capacity: Invalid value: "-1": must be greater than or equal to 0'],
  ]);
  checkUpdate(group, "csistoragecapacities", capacity, [
    [["storageClassName"], "slow", 'storageClassName: Invalid value: "slow": field is immutable'],
  ]);
});
