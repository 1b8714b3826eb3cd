import type { UnknownObject } from "../../src/api/object.ts";

const TIME = "2026-01-02T03:04:05Z";

/** A Pod as a controller made it, the scheduler placed it and the kubelet reports it: 4 KB of JSON. */
export function runningPod(namespace: string, index: number): UnknownObject {
  const hash = "7957885594";
  const suffix = index.toString(36).padStart(5, "0");
  const uid = `b0dd37c0-5c3b-4d7e-af12-${index.toString(16).padStart(12, "0")}`;
  const names = ["web", "proxy"];
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: {
      name: `web-${hash}-${suffix}`,
      generateName: `web-${hash}-`,
      namespace,
      uid,
      creationTimestamp: TIME,
      labels: { app: "web", "pod-template-hash": hash, shard: String(index % 100) },
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: `web-${hash}`,
          uid: "1b1b92e0-dbfd-4b87-a04f-aa29c14f5e29",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
      managedFields: [
        {
          manager: "kube-controller-manager",
          operation: "Update",
          apiVersion: "v1",
          time: TIME,
          fieldsType: "FieldsV1",
          fieldsV1: {
            "f:metadata": { "f:generateName": {}, "f:labels": { ".": {}, "f:app": {}, "f:pod-template-hash": {} } },
            "f:spec": {
              "f:containers": {
                'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {}, "f:ports": {}, "f:resources": {} },
              },
            },
          },
        },
      ],
    },
    spec: {
      volumes: [
        {
          name: "kube-api-access-x7k2p",
          projected: {
            sources: [
              { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
              { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
            ],
            defaultMode: 420,
          },
        },
      ],
      containers: names.map(container),
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      serviceAccountName: "default",
      serviceAccount: "default",
      nodeName: `node-${index % 100}`,
      securityContext: {},
      schedulerName: "default-scheduler",
      tolerations: [
        { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
      ],
      priority: 0,
      enableServiceLinks: true,
      preemptionPolicy: "PreemptLowerPriority",
    },
    status: {
      phase: "Running",
      conditions: ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"].map(
        (type) => ({ type, status: "True", lastTransitionTime: TIME }),
      ),
      hostIP: "10.80.0.2",
      podIP: "10.244.1.17",
      podIPs: [{ ip: "10.244.1.17" }],
      startTime: TIME,
      containerStatuses: names.map(containerStatus),
      qosClass: "Burstable",
    },
  };
}

function container(name: string): object {
  return {
    name,
    image: `registry.example.com/team/${name}:1.27.3`,
    command: ["/bin/server", "--listen=:8080", "--log-level=info"],
    env: [{ name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } }],
    resources: { limits: { cpu: "500m", memory: "256Mi" }, requests: { cpu: "100m", memory: "128Mi" } },
    volumeMounts: [{ name: "kube-api-access-x7k2p", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/x" }],
    readinessProbe: {
      httpGet: { path: "/ready", port: 8080, scheme: "HTTP" },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    terminationMessagePath: "/dev/termination-log",
    imagePullPolicy: "IfNotPresent",
  };
}

function containerStatus(name: string): object {
  const digest = "0123456789abcdef".repeat(4);
  return {
    name,
    state: { running: { startedAt: TIME } },
    lastState: {},
    ready: true,
    restartCount: 0,
    image: `registry.example.com/team/${name}:1.27.3`,
    imageID: `sha256:${digest}`,
    containerID: `containerd://${digest.slice(0, 32)}`,
    started: true,
  };
}

/** A Pod as a controller sends it: the template, with a name. */
export function newPod(namespace: string, name: string): UnknownObject {
  const { metadata, spec } = runningPod(namespace, 0);
  const { volumes: _, nodeName: _node, priority: _priority, ...template } = spec as Record<string, unknown>;
  const containers = (template["containers"] as Record<string, unknown>[]).map(({ volumeMounts: _, ...rest }) => rest);
  return {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name, namespace, labels: metadata!.labels, ownerReferences: metadata!.ownerReferences },
    spec: { ...template, containers },
  };
}

/** A ConfigMap of about `bytes` bytes as it is sent. */
export function configMap(namespace: string, name: string, bytes: number, marker = ""): UnknownObject {
  const kind = { kind: "ConfigMap", apiVersion: "v1" };
  return { ...kind, metadata: { name, namespace }, data: { marker, text: "x".repeat(Math.max(0, bytes - 150)) } };
}
