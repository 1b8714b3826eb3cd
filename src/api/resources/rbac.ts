import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../resource-types.ts";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef } from "../types/rbac.v1.ts";
import { define } from "./define.ts";

const GROUP = "rbac.authorization.k8s.io";

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
  defaults: defaultBinding,
  nameFormat: "rbac",
  createOnUpdate: true,
});

export const clusterRoleBinding = define<ClusterRoleBinding>({
  type: clusterRoleBindings,
  singular: "clusterrolebinding",
  defaults: defaultBinding,
  nameFormat: "rbac",
  createOnUpdate: true,
});

/** Roles, users and groups belong to the RBAC group; service accounts to the core group, which is not written. */
function defaultBinding(binding: RoleBinding | ClusterRoleBinding): void {
  binding.roleRef ??= {} as RoleRef;
  binding.roleRef.apiGroup ||= GROUP;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ||= GROUP;
  }
}
