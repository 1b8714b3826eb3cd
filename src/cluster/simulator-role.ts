import { clusterRoleBindings, clusterRoles } from "../api/resource-types.ts";
import type { ClusterRole, ClusterRoleBinding } from "../api/types/rbac.v1.ts";
import type { UserInfo } from "../api/user.ts";
import type { PostStartHook } from "../apiserver/post-start.ts";
import { putObject } from "./put-object.ts";

/** As whom simulated nodes call the server: one for all of them, so that it is no node's own user. */
export const SIMULATOR: UserInfo = { name: "system:knarr-simulator", groups: ["system:authenticated"] };

const ROLE: ClusterRole = {
  metadata: { name: "system:knarr-simulator" },
  rules: [
    { apiGroups: [""], resources: ["nodes"], verbs: ["create", "get", "list", "watch", "patch"] },
    { apiGroups: [""], resources: ["nodes/status", "pods/status"], verbs: ["patch"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "watch", "patch", "delete"] },
    { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["create", "get", "update"] },
  ],
};
const BINDING: ClusterRoleBinding = {
  metadata: { name: "system:knarr-simulator" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:knarr-simulator" },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: SIMULATOR.name }],
};

/** Lets the simulator do what a kubelet may, for all nodes, and add them. */
export const simulatorRole: PostStartHook = {
  name: "knarr/simulator-role",
  after: ["rbac/bootstrap-roles"],
  async run(client) {
    await Promise.all([putObject(client, clusterRoles, ROLE), putObject(client, clusterRoleBindings, BINDING)]);
  },
};
