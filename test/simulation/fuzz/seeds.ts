/** Small objects that are valid, by `resource.group`: what the fuzzer makes others of. */
type Body = Readonly<Record<string, unknown>>;

const template = (labels: Body = { app: "web" }) => ({
  metadata: { labels },
  spec: { containers: [{ name: "c", image: "i:1" }] },
});
const selector = { matchLabels: { app: "web" } };
const customSchema = {
  type: "object",
  properties: {
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer", minimum: 1, maximum: 9, default: 2 },
        color: { type: "string", pattern: "^[a-z]*$", enum: ["red", "green"] },
        parts: {
          type: "array",
          maxItems: 5,
          items: {
            type: "object",
            properties: { name: { type: "string" }, any: { "x-kubernetes-int-or-string": true } },
          },
          "x-kubernetes-list-type": "map",
          "x-kubernetes-list-map-keys": ["name"],
        },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
      "x-kubernetes-validations": [{ rule: "self.size < 8 || has(self.color)", message: "big ones need a color" }],
    },
    status: { type: "object", properties: { phase: { type: "string" } } },
  },
};

export const SEED_BODIES: Readonly<Record<string, readonly Body[]>> = {
  "pods.": [
    { spec: { containers: [{ name: "c", image: "i:1" }] } },
    {
      spec: {
        nodeName: "node-1",
        restartPolicy: "Never",
        initContainers: [{ name: "i", image: "i:1", restartPolicy: "Always" }],
        containers: [
          {
            name: "c",
            image: "i:1",
            ports: [{ containerPort: 80, name: "http" }],
            env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
            resources: { requests: { cpu: "100m", memory: "1Gi" }, limits: { cpu: "1", memory: "2Gi" } },
            volumeMounts: [{ name: "v", mountPath: "/v" }],
            livenessProbe: { httpGet: { path: "/", port: "http" } },
            securityContext: { runAsUser: 7, capabilities: { drop: ["ALL"] } },
          },
        ],
        volumes: [{ name: "v", emptyDir: { sizeLimit: "1Gi" } }],
        tolerations: [{ key: "k", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }],
        affinity: {
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: selector, topologyKey: "h" }],
          },
        },
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: "z", whenUnsatisfiable: "DoNotSchedule", labelSelector: selector },
        ],
      },
    },
  ],
  "services.": [
    { spec: { ports: [{ port: 80 }], selector: { app: "web" } } },
    {
      spec: {
        type: "NodePort",
        ports: [
          { name: "a", port: 80, nodePort: 30080 },
          { name: "b", port: 81, protocol: "UDP" },
        ],
      },
    },
    { spec: { type: "ExternalName", externalName: "example.com" } },
    { spec: { clusterIP: "None", ports: [{ port: 80 }] } },
  ],
  "configmaps.": [{ data: { a: "1" } }, { binaryData: { b: "AAE=" }, immutable: true }],
  "secrets.": [
    { stringData: { a: "1" } },
    { type: "kubernetes.io/basic-auth", data: { username: "YQ==", password: "Yg==" } },
  ],
  "namespaces.": [{}, { metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } } }],
  "nodes.": [
    {
      spec: { podCIDR: "10.1.0.0/24", taints: [{ key: "k", effect: "NoSchedule" }] },
      status: { capacity: { cpu: "4" } },
    },
  ],
  "serviceaccounts.": [{}],
  "events.": [
    { involvedObject: { kind: "Pod", name: "a", namespace: "default" }, reason: "r", type: "Normal", message: "m" },
  ],
  "endpoints.": [{ subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] }],
  "limitranges.": [{ spec: { limits: [{ type: "Container", default: { cpu: "1" }, max: { cpu: "2" } }] } }],
  "resourcequotas.": [{ spec: { hard: { pods: "20", "requests.cpu": "10" } } }],
  "persistentvolumes.": [
    { spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } } },
  ],
  "persistentvolumeclaims.": [
    { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
  ],
  "replicationcontrollers.": [{ spec: { replicas: 1, selector: { app: "web" }, template: template() } }],
  "podtemplates.": [{ template: template() }],
  "deployments.apps": [
    { spec: { selector, template: template() } },
    { spec: { replicas: 3, strategy: { type: "Recreate" }, selector, template: template() } },
  ],
  "replicasets.apps": [{ spec: { selector, template: template() } }],
  "statefulsets.apps": [{ spec: { serviceName: "s", selector, template: template() } }],
  "daemonsets.apps": [{ spec: { selector, template: template() } }],
  "controllerrevisions.apps": [{ revision: 1, data: { a: [1] } }],
  "jobs.batch": [
    { spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i:1" }] } } } },
  ],
  "cronjobs.batch": [
    {
      spec: {
        schedule: "*/5 * * * *",
        jobTemplate: {
          spec: { template: { spec: { restartPolicy: "OnFailure", containers: [{ name: "c", image: "i:1" }] } } },
        },
      },
    },
  ],
  "horizontalpodautoscalers.autoscaling": [
    { spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } } },
  ],
  "poddisruptionbudgets.policy": [{ spec: { minAvailable: "50%", selector } }],
  "networkpolicies.networking.k8s.io": [
    {
      spec: {
        podSelector: {},
        ingress: [
          { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }], ports: [{ port: 80, endPort: 90 }] },
        ],
      },
    },
  ],
  "ingresses.networking.k8s.io": [
    {
      spec: {
        rules: [
          {
            host: "x.example.com",
            http: {
              paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "web", port: { number: 80 } } } }],
            },
          },
        ],
      },
    },
  ],
  "ingressclasses.networking.k8s.io": [{ spec: { controller: "example.com/c" } }],
  "endpointslices.discovery.k8s.io": [
    { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ name: "", port: 80 }] },
  ],
  "roles.rbac.authorization.k8s.io": [{ rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }] }],
  "clusterroles.rbac.authorization.k8s.io": [{ rules: [{ nonResourceURLs: ["/x"], verbs: ["get"] }] }],
  "rolebindings.rbac.authorization.k8s.io": [
    {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "User", name: "jane", apiGroup: "rbac.authorization.k8s.io" }],
    },
  ],
  "clusterrolebindings.rbac.authorization.k8s.io": [
    {
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
      subjects: [{ kind: "ServiceAccount", name: "a", namespace: "default" }],
    },
  ],
  "storageclasses.storage.k8s.io": [
    { provisioner: "example.com/p", reclaimPolicy: "Retain", volumeBindingMode: "Immediate" },
  ],
  "csidrivers.storage.k8s.io": [{ spec: { attachRequired: false } }],
  "priorityclasses.scheduling.k8s.io": [{ value: 100 }],
  "runtimeclasses.node.k8s.io": [{ handler: "h" }],
  "leases.coordination.k8s.io": [
    { spec: { holderIdentity: "a", leaseDurationSeconds: 10, renewTime: "2026-01-02T03:04:05.000000Z" } },
  ],
  "flowschemas.flowcontrol.apiserver.k8s.io": [
    {
      spec: {
        priorityLevelConfiguration: { name: "global-default" },
        matchingPrecedence: 9000,
        rules: [
          {
            subjects: [{ kind: "User", user: { name: "jane" } }],
            nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }],
          },
        ],
      },
    },
  ],
  "certificatesigningrequests.certificates.k8s.io": [
    { spec: { request: "AAAA", signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"] } },
  ],
  "validatingadmissionpolicies.admissionregistration.k8s.io": [
    {
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
        },
        validations: [{ expression: "object.metadata.name != 'forbidden'" }],
      },
    },
  ],
  "validatingadmissionpolicybindings.admissionregistration.k8s.io": [
    { spec: { policyName: "a", validationActions: ["Deny"] } },
  ],
  "customresourcedefinitions.apiextensions.k8s.io": [
    {
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList", shortNames: ["wd"] },
        versions: [
          {
            name: "v1",
            served: true,
            storage: true,
            schema: { openAPIV3Schema: customSchema },
            subresources: { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.n" } },
            additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
            selectableFields: [{ jsonPath: ".spec.color" }],
          },
        ],
      },
    },
  ],
  "widgets.example.com": [{ spec: { size: 3, color: "red", parts: [{ name: "p", any: 1 }], free: { a: [null] } } }],
  "tokenreviews.authentication.k8s.io": [{ spec: { token: "x.y.z" } }],
  "subjectaccessreviews.authorization.k8s.io": [
    { spec: { user: "jane", resourceAttributes: { verb: "get", resource: "pods" } } },
  ],
  "selfsubjectaccessreviews.authorization.k8s.io": [{ spec: { nonResourceAttributes: { verb: "get", path: "/x" } } }],
  "selfsubjectrulesreviews.authorization.k8s.io": [{ spec: { namespace: "default" } }],
  "localsubjectaccessreviews.authorization.k8s.io": [
    { spec: { user: "jane", resourceAttributes: { verb: "get", resource: "pods", namespace: "default" } } },
  ],
};

/** Bodies of subresources. */
export const SEED_SUBRESOURCES: Readonly<Record<string, Body>> = {
  scale: { kind: "Scale", apiVersion: "autoscaling/v1", spec: { replicas: 2 } },
  binding: { kind: "Binding", apiVersion: "v1", target: { kind: "Node", name: "node-1" } },
  eviction: { kind: "Eviction", apiVersion: "policy/v1" },
  token: {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    spec: { expirationSeconds: 600, audiences: [] },
  },
  finalize: { kind: "Namespace", apiVersion: "v1", spec: { finalizers: [] } },
};
