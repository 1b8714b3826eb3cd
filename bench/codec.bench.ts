import { decodeJson } from "../src/api/codec/decode.ts";
import { decodeMessage, encodeList, encodeObject, openEnvelope } from "../src/api/codec/protobuf/protobuf.ts";
import type { UnknownObject } from "../src/api/object.ts";

/**
 * What it takes to read and write a Pod of 4 KB, as JSON and as protobuf: the median of several rounds, in µs of
 * processor time. The JSON decoder also validates types and finds unknown fields; protobuf bytes can't have them. Run: node bench/codec.bench.ts
 */
const ROUNDS = 15;
const ROUND_MICROS = 60_000;
const used = () => process.cpuUsage().user;

const time = "2026-01-02T03:04:05Z";
const fieldsV1 = {
  "f:metadata": { "f:generateName": {}, "f:labels": { ".": {}, "f:app": {}, "f:pod-template-hash": {} } },
  "f:spec": {
    "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:image": {}, "f:name": {}, "f:ports": {}, "f:resources": {} } },
  },
};
const container = (name: string) => ({
  name,
  image: `registry.example.com/team/${name}:1.27.3`,
  command: ["/bin/server", "--listen=:8080", "--log-level=info"],
  ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }],
  env: [
    { name: "POD_NAME", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } } },
    { name: "DATABASE_URL", valueFrom: { secretKeyRef: { name: "database", key: "url" } } },
  ],
  resources: { limits: { cpu: "500m", memory: "256Mi" }, requests: { cpu: "100m", memory: "128Mi" } },
  volumeMounts: [{ name: "kube-api-access-x7k2p", readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/x" }],
  readinessProbe: {
    httpGet: { path: "/ready", port: "http", scheme: "HTTP" },
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  },
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "IfNotPresent",
});
const status = (name: string) => ({
  name,
  state: { running: { startedAt: time } },
  lastState: {},
  ready: true,
  restartCount: 0,
  image: `registry.example.com/team/${name}:1.27.3`,
  imageID: `registry.example.com/team/${name}@sha256:${"0123456789abcdef".repeat(4)}`,
  containerID: `containerd://${"0123456789abcdef".repeat(4)}`,
  started: true,
});
const conditions = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
const pod: UnknownObject = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: {
    name: "web-7957885594-2xw78",
    generateName: "web-7957885594-",
    namespace: "shop",
    uid: "b0dd37c0-5c3b-4d7e-af12-511b35ad771c",
    resourceVersion: "123456",
    generation: 1,
    creationTimestamp: time,
    labels: { app: "web", "pod-template-hash": "7957885594" },
    ownerReferences: [
      {
        apiVersion: "apps/v1",
        kind: "ReplicaSet",
        name: "web-7957885594",
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
        time,
        fieldsType: "FieldsV1",
        fieldsV1,
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
    containers: [container("web"), container("proxy")],
    restartPolicy: "Always",
    terminationGracePeriodSeconds: 30,
    dnsPolicy: "ClusterFirst",
    serviceAccountName: "default",
    serviceAccount: "default",
    nodeName: "node-1",
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
    conditions: conditions.map((type) => ({ type, status: "True", lastTransitionTime: time })),
    hostIP: "10.80.0.2",
    podIP: "10.244.1.17",
    podIPs: [{ ip: "10.244.1.17" }],
    startTime: time,
    containerStatuses: [status("web"), status("proxy")],
    qosClass: "Burstable",
  },
};

const json = Buffer.from(JSON.stringify(pod));
const protobuf = encodeObject(pod);
const type = { group: "", version: "v1", kind: "Pod" };
const list = { kind: "PodList", apiVersion: "v1", metadata: {} };
console.log(`${json.length} bytes of JSON, ${protobuf.length} of protobuf`);
report("JSON.stringify", () => Buffer.from(JSON.stringify(pod)));
report("protobuf encode", () => encodeObject(pod));
report("protobuf encode, of a list of 1000, each", () => encodeList(list, 1000, () => pod), 1000);
report("JSON.parse", () => JSON.parse(json.toString()));
report("JSON decode, types and unknown fields checked", () => decodeJson(json, type, "Strict"));
report("protobuf decode", () => {
  const { apiVersion, kind, raw } = openEnvelope(protobuf);
  return decodeMessage(apiVersion, kind, raw);
});

function report(name: string, run: () => unknown, each = 1): void {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = used();
    let count = 0;
    let elapsed = 0;
    for (; elapsed < ROUND_MICROS; elapsed = used() - start) {
      for (let i = 0; i < 1000 / each; i++) run();
      count += 1000;
    }
    rounds.push(elapsed / count);
  }
  rounds.sort((a, b) => a - b);
  console.log(`${name.padEnd(48)} ${rounds[ROUNDS >> 1]!.toFixed(1)}`);
}
