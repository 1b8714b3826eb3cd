import type { TableColumn } from "../resource-definition.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../resource-types.ts";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, RoleRef } from "../types/rbac.v1.ts";
import { ageColumn, column, nameColumn, wideColumn } from "./columns.ts";
import { define } from "./define.ts";
import {
  GROUP,
  validateBindingUpdate,
  validateClusterRole,
  validateClusterRoleBinding,
  validateRole,
  validateRoleBinding,
} from "./rbac-validation.ts";

const subjectsOf = (binding: RoleBinding | ClusterRoleBinding, kind: string) =>
  (binding.subjects ?? []).filter((subject) => subject.kind === kind);

const bindingColumns: readonly TableColumn<RoleBinding | ClusterRoleBinding>[] = [
  nameColumn,
  column("Role", "Role that is granted.", ({ roleRef }) => `${roleRef?.kind ?? ""}/${roleRef?.name ?? ""}`),
  ageColumn,
  wideColumn("Users", "Users that it is granted to.", (binding) =>
    subjectsOf(binding, "User")
      .map(({ name }) => name)
      .join(", "),
  ),
  wideColumn("Groups", "Groups that it is granted to.", (binding) =>
    subjectsOf(binding, "Group")
      .map(({ name }) => name)
      .join(", "),
  ),
  wideColumn("ServiceAccounts", "ServiceAccounts that it is granted to.", (binding) =>
    subjectsOf(binding, "ServiceAccount")
      .map(({ namespace, name }) => `${namespace ?? ""}/${name}`)
      .join(", "),
  ),
];

export const role = define<Role>({
  type: roles,
  singular: "role",
  nameFormat: "rbac",
  createOnUpdate: true,
  validate: validateRole,
});

export const clusterRole = define<ClusterRole>({
  type: clusterRoles,
  singular: "clusterrole",
  validate: validateClusterRole,
  nameFormat: "rbac",
  createOnUpdate: true,
});

export const roleBinding = define<RoleBinding>({
  type: roleBindings,
  singular: "rolebinding",
  validate: validateRoleBinding,
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns,
  defaults: defaultBinding,
  nameFormat: "rbac",
  createOnUpdate: true,
});

export const clusterRoleBinding = define<ClusterRoleBinding>({
  type: clusterRoleBindings,
  singular: "clusterrolebinding",
  validate: validateClusterRoleBinding,
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns,
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
