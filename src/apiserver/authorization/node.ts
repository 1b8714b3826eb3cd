import { parseFieldSelector } from "../../api/field-selector.ts";
import { claimsOf, configMapsOf, resourceClaimsOf, secretsOf, volumeSecretsOf } from "../../api/pod-references.ts";
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  resourceSlices,
  volumeAttachments,
} from "../../api/resource-types.ts";
import { nodeNameOf } from "../../api/service-account-user.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { PolicyRule } from "../../api/types/rbac.v1.ts";
import type { AuthorizationAttributes, AuthorizationDecision } from "../authorization.ts";
import type { Lookup } from "../lookup.ts";
import { ruleAllows } from "./policy-rule.ts";
import type { ResolvingAuthorizer } from "./union.ts";

type Decision = AuthorizationDecision | Promise<AuthorizationDecision>;
type Rule = (node: string, attributes: AuthorizationAttributes, lookup: Lookup) => Decision;

const ALLOW: AuthorizationDecision = { decision: "allow" };
const refuse = (reason?: string): AuthorizationDecision =>
  reason ? { decision: "no-opinion", reason } : { decision: "no-opinion" };

/**
 * The mode Node: what a kubelet may do, a user `system:node:<name>` in the group `system:nodes`. It may read what the
 * pods bound to its node refer to, and itself; what it may write is told by NodeRestriction. Other resources go by the
 * fixed `rules` of the ClusterRole system:node.
 *
 * Upstream keeps a graph of all references. Here a question is answered from the pods of the one node, found by the
 * index on `spec.nodeName`: a node has some hundred pods at most, so nothing needs to be kept up to date.
 * See https://kubernetes.io/docs/reference/access-authn-authz/node/.
 */
export function nodeAuthorizer(options: { lookup: Lookup; rules: readonly PolicyRule[] }): ResolvingAuthorizer {
  return {
    authorize(attributes) {
      const node = nodeNameOf(attributes.user);
      if (node === undefined) return refuse();
      if (node === "") return refuse(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
      const rule = attributes.resource ? RULES[`${attributes.resource}.${attributes.group ?? ""}`] : undefined;
      if (rule) return rule(node, attributes, options.lookup);
      return options.rules.some((candidate) => ruleAllows(candidate, attributes)) ? ALLOW : refuse();
    },
    rulesFor: (user) =>
      nodeNameOf(user) === undefined
        ? { rules: [], incomplete: false, errors: [] }
        : { rules: [], incomplete: true, errors: ["node authorizer does not support user rule resolution"] },
  };
}

/** Whether a pod refers to the object of that name. */
type Related = (pod: Pod, name: string) => boolean;

const noRelation = (node: string) => refuse(`no relationship found between node '${node}' and this object`);

/** Allows what a pod of the node, in the same namespace, refers to. Mirror pods give no access to anything. */
const ofPod =
  (related: Related): Rule =>
  async (node, { name, namespace }, lookup) => {
    if (!name) return refuse("No Object name found");
    const found = (await podsOf(node, lookup)).some(
      (pod) => pod.metadata?.namespace === namespace && !isMirror(pod) && related(pod, name),
    );
    return found ? ALLOW : noRelation(node);
  };

const podsOf = (node: string, lookup: Lookup) => lookup.list(pods, { field: { name: "spec.nodeName", value: node } });
const isMirror = (pod: Pod) => pod.metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;

const secretOfPod = ofPod((pod, name) => secretsOf(pod).has(name));
const secret: Rule = async (node, attributes, lookup) => {
  const direct = await secretOfPod(node, attributes, lookup);
  if (direct.decision === "allow" || !attributes.name) return direct;
  const wanted = `${attributes.namespace}/${attributes.name}`;
  for (const pod of await podsOf(node, lookup)) {
    if (isMirror(pod)) continue;
    for (const claimName of claimsOf(pod)) {
      const claim = await lookup.get(persistentVolumeClaims, claimName, pod.metadata?.namespace);
      const volume = claim?.spec?.volumeName && (await lookup.get(persistentVolumes, claim.spec.volumeName));
      if (!volume || !volumeSecretsOf(volume).has(wanted)) continue;
      const { namespace, name } = volume.spec?.claimRef ?? {};
      if (namespace === pod.metadata?.namespace && name === claimName) return ALLOW;
    }
  }
  return direct;
};
const configMap = ofPod((pod, name) => configMapsOf(pod).has(name));
const claim = ofPod((pod, name) => claimsOf(pod).has(name));
const resourceClaim = ofPod((pod, name) => resourceClaimsOf(pod).has(name));
const serviceAccount = ofPod((pod, name) => pod.spec?.serviceAccountName === name);

const ownPod: Rule = async (node, { name, namespace }, lookup) => {
  if (!name) return refuse("No Object name found");
  const pod = await lookup.get(pods, name, namespace);
  return pod?.spec?.nodeName === node ? ALLOW : noRelation(node);
};
const volume: Rule = async (node, attributes, lookup) => {
  if (!attributes.name) return refuse("No Object name found");
  const reference = (await lookup.get(persistentVolumes, attributes.name))?.spec?.claimRef;
  if (!reference?.name) return noRelation(node);
  return claim(node, { ...attributes, name: reference.name, namespace: reference.namespace }, lookup);
};
const attachment: Rule = async (node, { name }, lookup) => {
  if (!name) return refuse("No Object name found");
  return (await lookup.get(volumeAttachments, name))?.spec.nodeName === node ? ALLOW : noRelation(node);
};
const slice: Rule = async (node, { name }, lookup) => {
  if (!name) return refuse("No Object name found");
  return (await lookup.get(resourceSlices, name))?.spec.nodeName === node ? ALLOW : noRelation(node);
};

/** Only `get`, of the object itself. */
const onlyGet =
  (rule: Rule): Rule =>
  (node, attributes, lookup) => {
    if (attributes.verb !== "get") return refuse("can only get individual resources of this type");
    if (attributes.subresource) return refuse("cannot get subresource");
    return rule(node, attributes, lookup);
  };

/** `get`, and `list` and `watch` of one object by its name. */
const onlyRead =
  (rule: Rule): Rule =>
  (node, attributes, lookup) => {
    if (!["get", "list", "watch"].includes(attributes.verb)) return refuse("can only read resources of this type");
    if (attributes.subresource) return refuse("cannot read subresource");
    if (!attributes.namespace) return refuse("can only read namespaced object of this type");
    return rule(node, attributes, lookup);
  };

const claimRule: Rule = (node, attributes, lookup) => {
  if (attributes.subresource !== "status") return onlyGet(claim)(node, attributes, lookup);
  if (attributes.verb === "update" || attributes.verb === "patch") return claim(node, attributes, lookup);
  return refuse("can only get/update/patch this type");
};

const serviceAccountRule: Rule = (node, attributes, lookup) => {
  const { verb, subresource, name } = attributes;
  if (verb === "get" && !subresource) return onlyRead(serviceAccount)(node, attributes, lookup);
  if (verb !== "create" || !name) return refuse("can only create tokens for individual service accounts");
  if (subresource !== "token") return refuse("can only create token subresource of serviceaccount");
  return serviceAccount(node, attributes, lookup);
};

const OWN_VERBS = ["get", "create", "update", "patch", "delete"];

const leaseRule: Rule = (node, { verb, namespace, name }) => {
  if (!OWN_VERBS.includes(verb)) return refuse("can only get, create, update, patch, or delete a node lease");
  if (namespace !== "kube-node-lease")
    return refuse('can only access leases in the "kube-node-lease" system namespace');
  if (verb === "create" || name === node) return ALLOW;
  return refuse("can only access node lease with the same name as the requesting node");
};

const csiNodeRule: Rule = (node, { verb, subresource, name }) => {
  if (!OWN_VERBS.includes(verb)) return refuse("can only get, create, update, patch, or delete a CSINode");
  if (subresource) return refuse("cannot authorize CSINode subresources");
  if (verb === "create" || name === node) return ALLOW;
  return refuse("can only access CSINode with the same name as the requesting node");
};

/** Whether the selector of a list or watch asks for one value of a field. */
function selects({ fieldSelector }: AuthorizationAttributes, field: string, value: string): boolean {
  if (!fieldSelector) return false;
  try {
    return parseFieldSelector(fieldSelector).requirements.some(
      (one) => one.field === field && one.operator === "=" && one.value === value,
    );
  } catch {
    return false; // a selector that can't be read restricts nothing; the endpoint refuses it in its own words
  }
}

const sliceRule: Rule = (node, attributes, lookup) => {
  if (attributes.subresource) return refuse("cannot authorize ResourceSlice subresources");
  switch (attributes.verb) {
    case "create":
      return ALLOW;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return slice(node, attributes, lookup);
    case "list":
    case "watch":
    case "deletecollection":
      if (selects(attributes, "spec.nodeName", node)) return ALLOW;
      return refuse("can only list/watch/deletecollection resourceslices with nodeName field selector");
    default:
      return refuse(
        "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection",
      );
  }
};

const nodeRule: Rule = (node, { verb, subresource, name }) => {
  const writes = verb === "update" || verb === "patch";
  if (subresource) return subresource === "status" && writes ? ALLOW : refuse();
  if (writes || verb === "create") return ALLOW;
  if (verb !== "get" && verb !== "list" && verb !== "watch") return refuse();
  if (name === node) return ALLOW;
  return refuse(`node '${node}' cannot read ${name ? `'${name}'` : "all nodes"}, only its own Node object`);
};

const podRule: Rule = (node, attributes, lookup) => {
  const { verb, subresource, name } = attributes;
  if (subresource === "status") return verb === "update" || verb === "patch" ? ALLOW : refuse();
  if (subresource === "eviction") return verb === "create" ? ALLOW : refuse();
  if (subresource) return refuse();
  if (verb === "create" || verb === "delete") return ALLOW;
  if (verb === "get") return ownPod(node, attributes, lookup);
  if (verb !== "list" && verb !== "watch") return refuse();
  if (selects(attributes, "spec.nodeName", node)) return ALLOW;
  if (name) return ownPod(node, attributes, lookup);
  return refuse("can only list/watch pods with spec.nodeName field selector");
};

/** The rule of each resource that isn't the same for all nodes, by `resource.group`. */
const RULES: Readonly<Record<string, Rule>> = {
  "secrets.": onlyRead(secret),
  "configmaps.": onlyRead(configMap),
  "persistentvolumeclaims.": claimRule,
  "persistentvolumes.": onlyGet(volume),
  "resourceclaims.resource.k8s.io": onlyGet(resourceClaim),
  "volumeattachments.storage.k8s.io": onlyGet(attachment),
  "serviceaccounts.": serviceAccountRule,
  "leases.coordination.k8s.io": leaseRule,
  "csinodes.storage.k8s.io": csiNodeRule,
  "resourceslices.resource.k8s.io": sliceRule,
  "nodes.": nodeRule,
  "pods.": podRule,
  // Certificates for pods are not served (the feature is off by default upstream).
  "podcertificaterequests.certificates.k8s.io": () => refuse(),
};
