import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../resource-types.ts";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../types/rbac.v1.ts";
import { define } from "./define.ts";

export const role = define<Role>({ type: roles, singular: "role", nameFormat: "rbac", createOnUpdate: true });

export const clusterRole = define<ClusterRole>({
  type: clusterRoles,
  singular: "clusterrole",
  nameFormat: "rbac",
  createOnUpdate: true,
});

export const roleBinding = define<RoleBinding>({
  type: roleBindings,
  singular: "rolebinding",
  nameFormat: "rbac",
  createOnUpdate: true,
});

export const clusterRoleBinding = define<ClusterRoleBinding>({
  type: clusterRoleBindings,
  singular: "clusterrolebinding",
  nameFormat: "rbac",
  createOnUpdate: true,
});
