import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, checkCreate, checkUpdate, updateErrors } from "../validation.fixture.ts";

const container = { name: "a", image: "nginx:1" };
const pod = { metadata: { name: "p", namespace: "ns" }, spec: { containers: [container] } };
const spec = (...path: (string | number)[]) => ["spec", ...path];
const first = (...path: (string | number)[]) => ["spec", "containers", 0, ...path];

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

test("containers", () => {
  const c = "spec.containers[0]";
  checkCreate("", "pods", pod, [
    [spec("containers"), [], "spec.containers: Required value"],
    [first("name"), "A", `${c}.name: Invalid value: "A": ${LABEL}`],
    [first("image"), undefined, `${c}.image: Required value`],
    [first("image"), " x", `${c}.image: Invalid value: " x": must not have leading or trailing whitespace`],
    [spec("containers"), [container, container], 'spec.containers[1].name: Duplicate value: "a"'],
    [
      first("imagePullPolicy"),
      "Later",
      `${c}.imagePullPolicy: Unsupported value: "Later": supported values: "Always", "IfNotPresent", "Never"`,
    ],
    [
      first("terminationMessagePolicy"),
      "X",
      `${c}.terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"`,
    ],
    [
      first("ports"),
      [{ containerPort: 70000 }],
      `${c}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
    ],
    [first("ports"), [{}], `${c}.ports[0].containerPort: Required value`],
    [
      first("ports"),
      [
        { containerPort: 1, name: "x" },
        { containerPort: 2, name: "x" },
      ],
      `${c}.ports[1].name: Duplicate value: "x"`,
    ],
    [
      first("ports"),
      [
        { containerPort: 1, hostPort: 9 },
        { containerPort: 2, hostPort: 9 },
      ],
      `${c}.ports[1].hostPort: Duplicate value: "TCP//9"`,
    ],
    [
      first("ports"),
      [{ containerPort: 1, protocol: "ICMP" }],
      `${c}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
    ],
    [first("env"), [{ name: "" }], `${c}.env[0].name: Required value`],
    [
      first("env"),
      [{ name: "A=B" }],
      `${c}.env[0].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII characters other than '='`,
    ],
    [
      first("env"),
      [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
      `${c}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
    ],
    [
      first("env"),
      [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.nope" } } }],
      `${c}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope`,
    ],
    [first("env"), [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.labels['a']" } } }]],
    [
      first("env"),
      [{ name: "A", valueFrom: { configMapKeyRef: { name: "c" } } }],
      `${c}.env[0].valueFrom.configMapKeyRef.key: Required value`,
    ],
    [
      first("env"),
      [{ name: "A", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "3" } } }],
      `${c}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's values 1m and 1 are supported with the cpu resource`,
    ],
    [first("envFrom"), [{}], `${c}.envFrom: Invalid value: "": must specify one of: \`configMapRef\` or \`secretRef\``],
    [first("volumeMounts"), [{ name: "v", mountPath: "/x" }], `${c}.volumeMounts[0].name: Not found: "v"`],
    [
      first("resources"),
      { requests: { cpu: "2" }, limits: { cpu: "1" } },
      `${c}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
    ],
    [
      first("resources"),
      { limits: { cpu: "-1" } },
      `${c}.resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
      `${c}.resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0`,
    ],
    [
      first("resources"),
      { requests: { gpu: "1" } },
      `${c}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified`,
      `${c}.resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers`,
    ],
    [
      first("resources"),
      { requests: { "x.io/gpu": "1" } },
      `${c}.resources.limits: Required value: Limit must be set for non overcommitable resources`,
    ],
    [
      first("resources"),
      { limits: { "hugepages-2Mi": "4Mi" } },
      `${c}.resources: Forbidden: HugePages require cpu or memory`,
    ],
    [first("livenessProbe"), {}, `${c}.livenessProbe: Required value: must specify a handler type`],
    [
      first("livenessProbe"),
      { httpGet: { port: 80 }, exec: { command: ["x"] } },
      `${c}.livenessProbe.httpGet: Forbidden: may not specify more than 1 handler type`,
    ],
    [
      first("livenessProbe"),
      { httpGet: { port: "" }, successThreshold: 2 },
      `${c}.livenessProbe.httpGet.port: Invalid value: "": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)`,
      `${c}.livenessProbe.httpGet.port: Invalid value: "": must contain at least one letter (a-z)`,
      `${c}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
    ],
    [
      first("readinessProbe"),
      { tcpSocket: { port: 1 }, periodSeconds: -1 },
      `${c}.readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0`,
    ],
    [
      first("lifecycle"),
      { preStop: { sleep: { seconds: 60 } } },
      `${c}.lifecycle.preStop.sleep: Invalid value: 60: must be non-negative and less than terminationGracePeriodSeconds (30)`,
    ],
    [
      first("securityContext"),
      { runAsUser: -1 },
      `${c}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`,
    ],
    [
      first("securityContext"),
      { privileged: true, allowPrivilegeEscalation: false },
      `${c}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
    ],
    [
      first("securityContext"),
      { seccompProfile: { type: "Localhost" } },
      `${c}.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost`,
    ],
    [
      first("resizePolicy"),
      [{ resourceName: "disk", restartPolicy: "NotRequired" }],
      `${c}.resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"`,
    ],
  ]);
});

test("init, sidecar and ephemeral containers", () => {
  const init = { name: "i", image: "x" };
  checkCreate("", "pods", pod, [
    [spec("initContainers"), [{ ...init, name: "a" }], 'spec.initContainers[0].name: Duplicate value: "a"'],
    [
      spec("initContainers"),
      [{ ...init, livenessProbe: { exec: { command: ["x"] } } }],
      "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
    [spec("initContainers"), [{ ...init, restartPolicy: "Always", livenessProbe: { exec: { command: ["x"] } } }]],
    [
      spec("initContainers"),
      [{ ...init, restartPolicy: "Sometimes" }],
      'spec.initContainers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      spec("ephemeralContainers"),
      [{ name: "e", image: "x" }],
      "spec.ephemeralContainers: Forbidden: cannot be set on create",
    ],
  ]);
  const ephemeral = (more: object) => [{ name: "e", image: "x", ...more }];
  checkUpdate(
    "",
    "pods",
    pod,
    [
      [spec("ephemeralContainers"), ephemeral({ targetContainerName: "a" })],
      [
        spec("ephemeralContainers"),
        ephemeral({ targetContainerName: "z" }),
        'spec.ephemeralContainers[0].targetContainerName: Not found: "z"',
      ],
      [
        spec("ephemeralContainers"),
        ephemeral({ ports: [{ containerPort: 1 }] }),
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
      ],
    ],
    "ephemeralcontainers",
  );
});

test("volumes", () => {
  const volumes = (...sources: object[]) => sources.map((source, index) => ({ name: `v${index}`, ...source }));
  checkCreate("", "pods", pod, [
    [spec("volumes"), [{ name: "V" }], `spec.volumes[0].name: Invalid value: "V": ${LABEL}`],
    [spec("volumes"), [{ name: "v" }, { name: "v" }], 'spec.volumes[1].name: Duplicate value: "v"'],
    [
      spec("volumes"),
      volumes({ emptyDir: {}, hostPath: { path: "/" } }),
      "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
    ],
    [
      spec("volumes"),
      volumes({ hostPath: { path: "/a/../b" } }),
      "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
    ],
    [
      spec("volumes"),
      volumes({ hostPath: { path: "/a", type: "Disk" } }),
      'spec.volumes[0].hostPath.type: Unsupported value: "Disk": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
    ],
    [spec("volumes"), volumes({ secret: {} }), "spec.volumes[0].secret.secretName: Required value"],
    [
      spec("volumes"),
      volumes({ configMap: { name: "c", defaultMode: 1000 } }),
      "spec.volumes[0].configMap.defaultMode: Invalid value: 1000: must be between 0 and 0777 (octal), both inclusive",
    ],
    [
      spec("volumes"),
      volumes({ configMap: { name: "c", items: [{ key: "k", path: "/abs" }] } }),
      'spec.volumes[0].configMap.items[0].path: Invalid value: "/abs": must be a relative path',
    ],
    [
      spec("volumes"),
      volumes({ persistentVolumeClaim: {} }),
      "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
    ],
    [
      spec("volumes"),
      volumes({ nfs: { server: "s", path: "rel" } }),
      'spec.volumes[0].nfs.path: Invalid value: "rel": must be an absolute path',
    ],
    [
      spec("volumes"),
      volumes({ projected: { sources: [{ configMap: { name: "c" }, secret: { name: "s" } }] } }),
      "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
    ],
    [
      spec("volumes"),
      volumes({ downwardAPI: { items: [{ path: "x" }] } }),
      "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
    ],
    [
      spec("volumes"),
      volumes({ csi: {} }),
      "spec.volumes[0].csi.driver: Required value",
      expectSubdomain("spec.volumes[0].csi.driver", ""),
    ],
    [spec("volumes"), volumes({ ephemeral: {} }), "spec.volumes[0].ephemeral.volumeClaimTemplate: Required value"],
    [
      spec("volumes"),
      volumes({ gcePersistentDisk: { pdName: "d", partition: 300 } }),
      "spec.volumes[0].persistentDisk.partition: Invalid value: 300: must be between 0 and 255, inclusive",
    ],
    [spec("volumes"), volumes({ image: {} }), "spec.volumes[0].image.reference: Required value"],
    [
      spec("volumes"),
      volumes({ projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 10 } }] } }),
      "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes",
      "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
    ],
  ]);
});

function expectSubdomain(field: string, value: string): string {
  return `${field}: Invalid value: ${JSON.stringify(value)}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
}

test("the pod as a whole", () => {
  const term = { topologyKey: "zone", labelSelector: { matchLabels: { a: "b" } } };
  checkCreate("", "pods", pod, [
    [
      spec("restartPolicy"),
      "Sometimes",
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "OnFailure", "Never"',
    ],
    [spec("dnsPolicy"), "None", "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    [
      spec("dnsConfig"),
      { nameservers: ["x"] },
      'spec.dnsConfig.nameservers[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [spec("hostname"), "a.b", 'spec.hostname: Invalid value: "a.b": must not contain dots'],
    [
      spec("activeDeadlineSeconds"),
      0,
      "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
    ],
    [spec("nodeName"), "N", expectSubdomain("spec.nodeName", "N")],
    [spec("schedulingGates"), [{ name: "g" }, { name: "g" }], 'spec.schedulingGates[1]: Duplicate value: "g"'],
    [
      spec("tolerations"),
      [{ operator: "Equal", value: "x" }],
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      spec("tolerations"),
      [{ key: "a", operator: "Exists", tolerationSeconds: 5, effect: "NoSchedule" }],
      "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
    ],
    [
      spec("topologySpreadConstraints"),
      [{ maxSkew: 0, topologyKey: "z", whenUnsatisfiable: "No" }],
      "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "No": supported values: "DoNotSchedule", "ScheduleAnyway"',
    ],
    [
      spec("affinity"),
      { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
    ],
    [
      spec("affinity"),
      { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, podAffinityTerm: term }] } },
      "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100",
    ],
    [
      spec("affinity"),
      { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, matchLabelKeys: ["rev"] }] } },
    ],
    [spec("resources"), { requests: { cpu: "1" } }],
    [
      spec("resources"),
      { requests: { "x.io/y": "1" } },
      'spec.resources.requests[x.io/y]: Unsupported value: "x.io/y": supported values: "cpu", "hugepages-", "memory"',
      "spec.resources.limits: Required value: Limit must be set for non overcommitable resources",
    ],
    [spec("hostUsers"), false],
    [spec("os"), { name: "beos" }, 'spec.os: Unsupported value: "beos": supported values: "linux", "windows"'],
    [
      spec("hostAliases"),
      [{ ip: "127.1", hostnames: ["a"] }],
      'spec.hostAliases[0].ip: Invalid value: "127.1": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      ["metadata", "annotations"],
      { "kubernetes.io/config.mirror": "x" },
      'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
    ],
  ]);
  checkCreate("", "pods", changed(pod, spec("schedulingGates"), [{ name: "g" }]), [
    [spec("nodeName"), "n", "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
  ]);
});

test("updates of a pod", () => {
  const old = changed(pod, spec("tolerations"), [{ key: "a", operator: "Exists" }]);
  const fields =
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
  const refused = (difference: string) =>
    `spec: Forbidden: pod updates may not change fields other than ${fields}\n${difference}\n`;
  checkUpdate("", "pods", old, [
    [first("image"), "nginx:2"],
    [spec("activeDeadlineSeconds"), 10],
    [
      spec("tolerations"),
      [
        { key: "a", operator: "Exists" },
        { key: "b", operator: "Exists" },
      ],
    ],
    [["metadata", "labels"], { a: "b" }],
    [
      spec("tolerations"),
      [],
      "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
    ],
    [
      spec("containers"),
      [container, { ...container, name: "b" }],
      "spec.containers: Forbidden: pod updates may not add or remove containers",
    ],
    [spec("nodeName"), "n1", refused('+ nodeName: "n1"')],
    [first("command"), ["x"], refused('+ containers[0].command: ["x"]')],
    [
      spec("schedulingGates"),
      [{ name: "g" }],
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'",
    ],
  ]);
  const gated = changed(pod, spec("schedulingGates"), [{ name: "g" }]);
  checkUpdate("", "pods", gated, [
    [spec("schedulingGates"), []],
    [spec("nodeSelector"), { a: "b" }],
    [
      spec("affinity"),
      {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }],
          },
        },
      },
    ],
  ]);
  const deadline = changed(pod, spec("activeDeadlineSeconds"), 10);
  checkUpdate("", "pods", deadline, [
    [spec("activeDeadlineSeconds"), 5],
    [
      spec("activeDeadlineSeconds"),
      11,
      "spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value",
    ],
    [
      spec("activeDeadlineSeconds"),
      undefined,
      "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value",
    ],
  ]);
});

test("resizing a pod", () => {
  const old = changed(pod, first("resources"), { requests: { cpu: "1", memory: "1Gi" } });
  checkUpdate(
    "",
    "pods",
    { ...old, status: { qosClass: "Burstable" } },
    [
      [first("resources"), { requests: { cpu: "2", memory: "1Gi" } }],
      [first("image"), "ignored:1"],
      [
        first("resources"),
        { requests: { cpu: "2" } },
        "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed",
      ],
      [
        first("resources"),
        { limits: { cpu: "1", memory: "1Gi" } },
        'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
      ],
      [
        first("resources"),
        { requests: { cpu: "1", memory: "1Gi", "ephemeral-storage": "1" } },
        "spec: Forbidden: only cpu and memory resources are mutable",
      ],
    ],
    "resize",
  );
});

test("what a kubelet may not report", () => {
  const ended = {
    name: "a",
    image: "",
    imageID: "",
    ready: false,
    restartCount: 0,
    state: { terminated: { exitCode: 0 } },
  };
  const old = {
    ...changed(pod, spec("restartPolicy"), "Never"),
    status: { qosClass: "BestEffort", containerStatuses: [ended] },
  };
  checkUpdate(
    "",
    "pods",
    old,
    [
      [["status", "phase"], "Succeeded"],
      [["status", "qosClass"], "Guaranteed", 'status.qosClass: Invalid value: "Guaranteed": field is immutable'],
      [
        ["status", "containerStatuses", 0, "state"],
        { running: {} },
        "status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state",
      ],
      [
        ["status", "podIPs"],
        [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }],
        'status.podIPs: Invalid value: [{"ip":"10.0.0.1"},{"ip":"10.0.0.2"}]: may specify no more than one IP for each IP family',
      ],
      [
        ["status", "podIPs"],
        [{ ip: "10.0.0.1" }, { ip: "fd00::1" }],
      ],
    ],
    "status",
  );
  // Owners are put back, not refused.
  assert.deepEqual(updateErrors("", "pods", old, changed(old, ["metadata", "ownerReferences"], [{}]), "status"), []);
});
