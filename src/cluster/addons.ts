import type { KubeObject, ResourceType } from "../api/object.ts";
import { clusterRoleBindings, clusterRoles, endpointSlices, services } from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Service } from "../api/types/core.v1.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import type { ClusterRole, ClusterRoleBinding } from "../api/types/rbac.v1.ts";
import type { PostStartHook } from "../apiserver/post-start.ts";
import type { Client } from "../client/client.ts";
import { type Cluster, DNS_PORT } from "./cluster.ts";

const NAMESPACE = "kube-system";

/**
 * The objects of the cluster's own DNS: the Service `kube-dns` at the address that every pod is told, its endpoint on the
 * node, and what DNS may read. They are put right at each start, as the addresses may have changed.
 */
export function clusterAddons(cluster: Cluster): PostStartHook {
  return {
    name: "knarr/cluster-addons",
    after: ["start-system-namespaces-controller", "rbac/bootstrap-roles"],
    async run(client) {
      const labels = {
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
      };
      const ports = [
        { name: "dns", port: 53, protocol: "UDP", targetPort: DNS_PORT },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: DNS_PORT },
      ];
      const service: Service = {
        metadata: { name: "kube-dns", namespace: NAMESPACE, labels },
        spec: { clusterIP: cluster.plan.dnsServiceAddress, ports },
      };
      const slice: EndpointSlice = {
        metadata: {
          name: "kube-dns",
          namespace: NAMESPACE,
          labels: { "kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "knarr" },
        },
        addressType: "IPv4",
        ports: ports.map(({ name, protocol }) => ({ name, protocol, port: DNS_PORT })),
        endpoints: [
          {
            addresses: [cluster.node.address],
            conditions: { ready: true, serving: true, terminating: false },
            nodeName: cluster.node.name,
          },
        ],
      };
      const role: ClusterRole = {
        metadata: { name: "system:coredns" },
        rules: [
          { apiGroups: [""], resources: ["services", "namespaces"], verbs: ["list", "watch"] },
          { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
        ],
      };
      const binding: ClusterRoleBinding = {
        metadata: { name: "system:coredns" },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" },
        subjects: [{ kind: "ServiceAccount", name: "coredns", namespace: NAMESPACE }],
      };
      await Promise.all([
        put(client, services, service),
        put(client, endpointSlices, slice),
        put(client, clusterRoles, role),
        put(client, clusterRoleBindings, binding),
      ]);
    },
  };
}

/** Creates the object, or brings what is given of an existing one up to date; nothing is written where it is right. */
async function put<T extends KubeObject>(client: Client, type: ResourceType<T>, object: T): Promise<void> {
  const resource = client.resource(type);
  const { name = "", namespace } = object.metadata ?? {};
  try {
    await resource.patch(name, namespace, "merge", object);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await resource.create(object);
  }
}
