import type { UserInfo } from "./user.ts";

const PREFIX = "system:serviceaccount:";

/** `system:serviceaccount:<namespace>:<name>` */
export const serviceAccountUserName = (namespace: string, name: string): string => `${PREFIX}${namespace}:${name}`;

/** The groups that every ServiceAccount of a namespace is in. */
export const serviceAccountGroups = (namespace: string): string[] => [
  "system:serviceaccounts",
  `system:serviceaccounts:${namespace}`,
];

/** The ServiceAccount that a user name stands for, if any. */
export function parseServiceAccountUserName(userName: string): { namespace: string; name: string } | undefined {
  if (!userName.startsWith(PREFIX)) return undefined;
  const parts = userName.slice(PREFIX.length).split(":");
  return parts.length === 2 && parts[0] && parts[1] ? { namespace: parts[0], name: parts[1] } : undefined;
}

/** Keys of `extra` that authentication sets. */
export const EXTRA = {
  credentialId: "authentication.kubernetes.io/credential-id",
  podName: "authentication.kubernetes.io/pod-name",
  podUid: "authentication.kubernetes.io/pod-uid",
  nodeName: "authentication.kubernetes.io/node-name",
  nodeUid: "authentication.kubernetes.io/node-uid",
} as const;

/** The name of the node whose kubelet a user is; undefined for other users, empty where it doesn't say which. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.name.startsWith("system:node:") || !user.groups.includes("system:nodes")) return undefined;
  return user.name.slice("system:node:".length);
}
