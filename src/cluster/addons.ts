import { clusterRoleBindings, clusterRoles, endpointSlices, services } from "../api/resource-types.ts";
import type { Service } from "../api/types/core.v1.ts";
import type { EndpointSlice } from "../api/types/discovery.v1.ts";
import type { ClusterRole, ClusterRoleBinding } from "../api/types/rbac.v1.ts";
import type { PostStartHook } from "../apiserver/post-start.ts";
import { type Cluster, DNS_PORT } from "./cluster.ts";
import { putObject } from "./put-object.ts";

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
        putObject(client, services, service),
        putObject(client, endpointSlices, slice),
        putObject(client, clusterRoles, role),
        putObject(client, clusterRoleBindings, binding),
      ]);
    },
  };
}
