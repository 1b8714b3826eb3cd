import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../object.ts";
import type { WriteContext } from "../resource-definition.ts";
import { resourceDefinition, resourceDefinitions } from "./index.ts";

const context: WriteContext = { now: Date.parse("2026-05-01T12:00:00Z"), user: { name: "alice", groups: ["dev"] } };

function defaulted(group: string, resource: string, object: object): UnknownObject {
  const copy = structuredClone(object) as UnknownObject;
  resourceDefinition(group, resource)!.defaults!(copy);
  return copy;
}

function created(group: string, resource: string, object: object): UnknownObject {
  const definition = resourceDefinition(group, resource)!;
  const copy = structuredClone(object) as UnknownObject;
  definition.defaults?.(copy);
  definition.prepareForCreate?.(copy, context);
  return copy;
}

/** Whether `actual` holds all of `expected`, at any depth. */
function contains(actual: unknown, expected: unknown, path = ""): void {
  if (typeof expected !== "object" || expected === null || Array.isArray(expected)) {
    assert.deepEqual(actual, expected, path);
    return;
  }
  for (const [key, value] of Object.entries(expected)) {
    contains((actual as Record<string, unknown> | undefined)?.[key], value, `${path}.${key}`);
  }
}

test("a pod's defaults", () => {
  const pod = defaulted("", "pods", {
    metadata: { name: "p" },
    spec: {
      serviceAccount: "robot",
      hostNetwork: true,
      containers: [
        {
          name: "a",
          image: "nginx",
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: "0.5", memory: "1024Mi" }, requests: { cpu: "100u" } },
          livenessProbe: { httpGet: { port: 80 } },
          env: [{ name: "N", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
        },
        { name: "b", image: "nginx:1.27" },
      ],
      volumes: [{ name: "e" }, { name: "s", secret: { secretName: "x" } }, { name: "h", hostPath: { path: "/" } }],
    },
  });
  assert.deepEqual(pod.spec, {
    serviceAccount: "robot",
    serviceAccountName: "robot",
    hostNetwork: true,
    dnsPolicy: "ClusterFirst",
    restartPolicy: "Always",
    securityContext: {},
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    enableServiceLinks: true,
    volumes: [
      { name: "e", emptyDir: {} },
      { name: "s", secret: { secretName: "x", defaultMode: 420 } },
      { name: "h", hostPath: { path: "/", type: "" } },
    ],
    containers: [
      {
        name: "a",
        image: "nginx",
        imagePullPolicy: "Always",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }],
        resources: { limits: { cpu: "500m", memory: "1Gi" }, requests: { cpu: "1m", memory: "1Gi" } },
        livenessProbe: {
          httpGet: { port: 80, path: "/", scheme: "HTTP" },
          timeoutSeconds: 1,
          periodSeconds: 10,
          successThreshold: 1,
          failureThreshold: 3,
        },
        env: [{ name: "N", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }],
      },
      {
        name: "b",
        image: "nginx:1.27",
        imagePullPolicy: "IfNotPresent",
        terminationMessagePath: "/dev/termination-log",
        terminationMessagePolicy: "File",
        resources: {},
      },
    ],
  });
});

test("pod-level resources are completed from the containers", () => {
  const pod = defaulted("", "pods", {
    spec: {
      containers: [{ name: "a", resources: { requests: { cpu: "100m" } } }],
      initContainers: [{ name: "s", restartPolicy: "Always", resources: { requests: { cpu: "50m" } } }],
      resources: { limits: { cpu: "1", memory: "1Gi" } },
    },
  });
  contains(pod, { spec: { resources: { requests: { cpu: "150m", memory: "1Gi" } } } });
});

test("defaults and preparation of the kinds", () => {
  const template = { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "a", image: "i:1" }] } };
  const cases: [group: string, resource: string, object: object, expected: object][] = [
    [
      "",
      "services",
      { spec: { ports: [{ port: 80 }] } },
      {
        spec: {
          type: "ClusterIP",
          sessionAffinity: "None",
          internalTrafficPolicy: "Cluster",
          ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
        },
        status: { loadBalancer: {} },
      },
    ],
    [
      "",
      "services",
      { spec: { type: "LoadBalancer", sessionAffinity: "ClientIP", ports: [] } },
      {
        spec: {
          externalTrafficPolicy: "Cluster",
          allocateLoadBalancerNodePorts: true,
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
        },
      },
    ],
    [
      "",
      "namespaces",
      { metadata: { name: "n" } },
      {
        metadata: { labels: { "kubernetes.io/metadata.name": "n" } },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      },
    ],
    ["", "secrets", { stringData: { k: "vä" } }, { type: "Opaque", data: { k: "dsOk" }, stringData: undefined }],
    [
      "",
      "persistentvolumeclaims",
      { spec: { resources: { requests: { storage: "1024Mi" } } } },
      {
        spec: { volumeMode: "Filesystem", resources: { requests: { storage: "1Gi" } } },
        status: { phase: "Pending" },
      },
    ],
    [
      "",
      "persistentvolumes",
      { spec: { capacity: { storage: "1Gi" } } },
      {
        spec: { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" },
        status: { phase: "Pending", lastPhaseTransitionTime: "2026-05-01T12:00:00Z" },
      },
    ],
    [
      "",
      "limitranges",
      { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Gi" } }] } },
      {
        spec: {
          limits: [
            {
              type: "Container",
              max: { cpu: "2" },
              min: { memory: "1Gi" },
              default: { cpu: "2" },
              defaultRequest: { memory: "1Gi", cpu: "2" },
            },
          ],
        },
      },
    ],
    [
      "",
      "replicationcontrollers",
      { spec: { template } },
      {
        metadata: { labels: { app: "x" } },
        spec: { replicas: 1, selector: { app: "x" } },
        status: { replicas: 0 },
      },
    ],
    [
      "",
      "nodes",
      { status: { capacity: { cpu: "2000m" } } },
      { status: { capacity: { cpu: "2" }, allocatable: { cpu: "2" } } },
    ],
    [
      "apps",
      "deployments",
      { spec: { template } },
      {
        spec: {
          replicas: 1,
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
          strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
          template: { spec: { restartPolicy: "Always" } },
        },
        status: {},
      },
    ],
    [
      "apps",
      "statefulsets",
      { spec: { template, volumeClaimTemplates: [{ metadata: { name: "d" }, spec: {} }] } },
      {
        spec: {
          podManagementPolicy: "OrderedReady",
          updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0 } },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
        },
        status: { replicas: 0, availableReplicas: 0 },
      },
    ],
    [
      "apps",
      "daemonsets",
      { spec: { template } },
      {
        metadata: { annotations: { "deprecated.daemonset.template.generation": "1" } },
        spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } },
      },
    ],
    [
      "batch",
      "jobs",
      { metadata: { name: "j", uid: "u1" }, spec: { template } },
      {
        metadata: { labels: { app: "x" } },
        spec: {
          completions: 1,
          parallelism: 1,
          backoffLimit: 6,
          completionMode: "NonIndexed",
          suspend: false,
          podReplacementPolicy: "TerminatingOrFailed",
          selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u1" } },
          template: {
            metadata: {
              labels: {
                app: "x",
                "controller-uid": "u1",
                "job-name": "j",
                "batch.kubernetes.io/controller-uid": "u1",
                "batch.kubernetes.io/job-name": "j",
              },
            },
          },
        },
      },
    ],
    [
      "batch",
      "jobs",
      { spec: { parallelism: 2, manualSelector: true, selector: { matchLabels: { a: "b" } }, template } },
      {
        spec: { completions: undefined, parallelism: 2, selector: { matchLabels: { a: "b" } } },
      },
    ],
    [
      "batch",
      "cronjobs",
      { spec: { schedule: "* * * * *", jobTemplate: { spec: { template } } } },
      {
        spec: {
          concurrencyPolicy: "Allow",
          suspend: false,
          successfulJobsHistoryLimit: 3,
          failedJobsHistoryLimit: 1,
          jobTemplate: { spec: { template: { spec: { dnsPolicy: "ClusterFirst" } }, completions: undefined } },
        },
      },
    ],
    [
      "autoscaling",
      "horizontalpodautoscalers",
      { spec: { behavior: { scaleDown: { selectPolicy: "Min" } } } },
      {
        spec: {
          minReplicas: 1,
          metrics: [
            { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } },
          ],
          behavior: {
            scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: "Max" },
            scaleDown: { selectPolicy: "Min", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
          },
        },
      },
    ],
    [
      "networking.k8s.io",
      "networkpolicies",
      { spec: { egress: [{ ports: [{ port: 53 }] }] } },
      {
        spec: {
          podSelector: {},
          policyTypes: ["Ingress", "Egress"],
          egress: [{ ports: [{ port: 53, protocol: "TCP" }] }],
        },
      },
    ],
    [
      "discovery.k8s.io",
      "endpointslices",
      { ports: [{ port: 1 }], endpoints: [{ addresses: ["a"] }] },
      {
        ports: [{ port: 1, name: "", protocol: "TCP" }],
        endpoints: [{ addresses: ["a"], conditions: {} }],
      },
    ],
    [
      "rbac.authorization.k8s.io",
      "rolebindings",
      {
        roleRef: { kind: "Role", name: "r" },
        subjects: [
          { kind: "User", name: "u" },
          { kind: "ServiceAccount", name: "s" },
        ],
      },
      {
        roleRef: { apiGroup: "rbac.authorization.k8s.io" },
        subjects: [
          { kind: "User", name: "u", apiGroup: "rbac.authorization.k8s.io" },
          { kind: "ServiceAccount", name: "s" },
        ],
      },
    ],
    [
      "storage.k8s.io",
      "csidrivers",
      { spec: {} },
      {
        spec: {
          attachRequired: true,
          podInfoOnMount: false,
          storageCapacity: false,
          fsGroupPolicy: "ReadWriteOnceWithFSType",
          volumeLifecycleModes: ["Persistent"],
          requiresRepublish: false,
        },
      },
    ],
    [
      "flowcontrol.apiserver.k8s.io",
      "prioritylevelconfigurations",
      { spec: { type: "Limited", limited: { limitResponse: { type: "Queue", queuing: {} } } } },
      {
        spec: {
          limited: {
            nominalConcurrencyShares: 30,
            lendablePercent: 0,
            limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
          },
        },
      },
    ],
    [
      "admissionregistration.k8s.io",
      "mutatingwebhookconfigurations",
      { webhooks: [{ name: "w", rules: [{}], clientConfig: { service: {} } }] },
      {
        webhooks: [
          {
            name: "w",
            rules: [{ scope: "*" }],
            clientConfig: { service: { port: 443 } },
            failurePolicy: "Fail",
            matchPolicy: "Equivalent",
            namespaceSelector: {},
            objectSelector: {},
            timeoutSeconds: 10,
            reinvocationPolicy: "Never",
          },
        ],
      },
    ],
    [
      "certificates.k8s.io",
      "certificatesigningrequests",
      { spec: { username: "root", extra: { x: ["y"] } }, status: { certificate: "x" } },
      {
        spec: { username: "alice", groups: ["dev"], extra: undefined },
        status: { certificate: undefined },
      },
    ],
    [
      "apiextensions.k8s.io",
      "customresourcedefinitions",
      { spec: { names: { kind: "Foo", plural: "foos" }, versions: [{ name: "v1", storage: true }] } },
      {
        spec: { names: { singular: "foo", listKind: "FooList" }, conversion: { strategy: "None" } },
        status: { storedVersions: ["v1"] },
      },
    ],
  ];
  for (const [group, resource, object, expected] of cases)
    contains(created(group, resource, object), expected, resource);
});

test("defaults are idempotent, and stand objects with nothing in them", () => {
  for (const { type, defaults } of resourceDefinitions) {
    const object: UnknownObject = { metadata: { name: "x" } };
    defaults?.(object);
    const once = structuredClone(object);
    defaults?.(object);
    assert.deepEqual(object, once, type.resource);
  }
});

test("a pod's class follows from its resources", () => {
  const both = (cpu: string, memory: string) => ({ cpu, memory });
  const cases: [object[], string][] = [
    [[{}], "BestEffort"],
    [[{ requests: { cpu: "1" } }], "Burstable"],
    [[{ limits: both("1", "1Gi") }], "Guaranteed"],
    [[{ limits: both("1", "1Gi"), requests: both("500m", "1Gi") }], "Burstable"],
    [[{ limits: both("1", "1Gi") }, {}], "Burstable"],
    [[{ limits: { "nvidia.com/gpu": "1" } }], "BestEffort"],
  ];
  for (const [resources, qosClass] of cases) {
    const containers = resources.map((resources, index) => ({ name: `c${index}`, resources }));
    const pod = created("", "pods", { metadata: { name: "p" }, spec: { containers } });
    assert.deepEqual(pod.status, { phase: "Pending", qosClass });
  }
});

test("label keys become selectors, gates a condition, annotations a profile", () => {
  const pod = created("", "pods", {
    metadata: {
      name: "p",
      labels: { rev: "7" },
      annotations: { "container.apparmor.security.beta.kubernetes.io/a": "localhost/x" },
    },
    spec: {
      containers: [{ name: "a" }],
      schedulingGates: [{ name: "g" }],
      topologySpreadConstraints: [{ labelSelector: {}, matchLabelKeys: ["rev", "none"] }],
    },
  });
  contains(pod, {
    spec: {
      topologySpreadConstraints: [
        {
          labelSelector: { matchExpressions: [{ key: "rev", operator: "In", values: ["7"] }] },
          matchLabelKeys: ["rev", "none"],
        },
      ],
    },
    status: { phase: "Pending" },
  });
  contains((pod.spec as { containers: unknown[] }).containers[0], {
    securityContext: { appArmorProfile: { type: "Localhost", localhostProfile: "x" } },
  });
  assert.equal((pod.status as { conditions: { reason: string }[] }).conditions[0]?.reason, "SchedulingGated");
});

test("subresources of pods change only their part", () => {
  const definition = resourceDefinition("", "pods")!;
  const old = {
    metadata: { name: "p", labels: { a: "1" } },
    spec: { containers: [{ name: "a", image: "i", resources: {} }] },
    status: { phase: "Running" },
  } as unknown as UnknownObject;
  const change = {
    metadata: { name: "p", labels: { a: "2" } },
    spec: {
      containers: [{ name: "a", image: "other", resources: { limits: { cpu: "1" } } }],
      ephemeralContainers: [{ name: "debug" }],
    },
    status: {},
  };
  const debugged = structuredClone(change) as unknown as UnknownObject;
  definition.prepareForUpdate!(debugged, old, { ...context, subresource: "ephemeralcontainers" });
  assert.deepEqual(debugged, { ...old, spec: { ...(old.spec as object), ephemeralContainers: [{ name: "debug" }] } });
  const resized = structuredClone(change) as unknown as UnknownObject;
  definition.prepareForUpdate!(resized, old, { ...context, subresource: "resize" });
  contains(resized, {
    metadata: { labels: { a: "1" } },
    spec: { ephemeralContainers: undefined },
    status: { phase: "Running" },
  });
  contains((resized.spec as { containers: unknown[] }).containers[0], {
    image: "i",
    resources: { limits: { cpu: "1" } },
  });
});

test("events and autoscalers convert without loss", () => {
  const events = resourceDefinition("events.k8s.io", "events")!.conversions!["v1"]!;
  const event = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    regarding: { name: "p" },
    note: "n",
    deprecatedCount: 2,
  };
  const stored = events.toStorage(event as unknown as UnknownObject);
  assert.deepEqual(stored, { apiVersion: "v1", kind: "Event", involvedObject: { name: "p" }, message: "n", count: 2 });
  assert.deepEqual(events.fromStorage(stored), event);

  const conversion = resourceDefinition("autoscaling", "horizontalpodautoscalers")!.conversions!["v1"]!;
  const v2 = {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "h" },
    spec: {
      scaleTargetRef: { kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 4,
      metrics: [
        { type: "Pods", pods: { metric: { name: "rps" }, target: { type: "AverageValue", averageValue: "10" } } },
        { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } },
      ],
      behavior: { scaleUp: { selectPolicy: "Max" } },
    },
    status: { desiredReplicas: 1, currentReplicas: 1 },
  } as unknown as UnknownObject;
  const v1 = conversion.fromStorage(v2);
  contains(v1, {
    apiVersion: "autoscaling/v1",
    metadata: {
      annotations: {
        "autoscaling.alpha.kubernetes.io/metrics":
          '[{"type":"Pods","pods":{"metricName":"rps","targetAverageValue":"10"}}]',
        "autoscaling.alpha.kubernetes.io/behavior": '{"scaleUp":{"selectPolicy":"Max"}}',
      },
    },
    spec: { targetCPUUtilizationPercentage: 70, metrics: undefined, behavior: undefined },
  });
  assert.deepEqual(conversion.toStorage(v1), v2);
});
