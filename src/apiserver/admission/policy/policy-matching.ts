import { type Selector, selectorOf } from "../../../api/label-selector.ts";
import type { ResourceType } from "../../../api/object.ts";
import type { MatchResources, NamedRuleWithOperations } from "../../../api/types/admissionregistration.v1.ts";
import type { Lookup } from "../../lookup.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { isExempt, matchedOf, matchesRule } from "../matching/rules.ts";
import { matchesNamespace, matchesObject } from "../matching/selectors.ts";
import type { ObjectVersions } from "../matching/versioned-objects.ts";

/** Reviews are questions, not writes: policies have no say in them. */
const EXCLUDED: Readonly<Record<string, ReadonlySet<string>>> = {
  "authentication.k8s.io": new Set(["selfsubjectreviews", "tokenreviews"]),
  "authorization.k8s.io": new Set([
    "localsubjectaccessreviews",
    "selfsubjectaccessreviews",
    "selfsubjectrulesreviews",
    "subjectaccessreviews",
  ]),
};

/** Whether policies are asked about a write at all. */
export const concernsPolicies = (attributes: AdmissionAttributes): boolean =>
  !isExempt(attributes) && !EXCLUDED[attributes.type.group]?.has(attributes.type.resource);

const selectors = new WeakMap<object, Selector>();
function parsed(selector: MatchResources["namespaceSelector"]): Selector {
  if (!selector) return selectorOf({});
  let known = selectors.get(selector);
  if (!known) {
    known = selectorOf(selector);
    selectors.set(selector, known);
  }
  return known;
}

/**
 * The resource by which a write matches: the requested one, or an equivalent. undefined where it does not match. A failure
 * to tell whether a selector matches is thrown only where everything else does.
 */
export async function matchResources(
  match: MatchResources,
  attributes: AdmissionAttributes,
  versions: ObjectVersions,
  lookup: Lookup,
): Promise<ResourceType | undefined> {
  let failure: { readonly error: unknown } | undefined;
  try {
    if (!(await matchesNamespace(parsed(match.namespaceSelector), attributes, lookup))) return undefined;
  } catch (error) {
    failure = { error };
  }
  try {
    if (!matchesObject(parsed(match.objectSelector), attributes)) return undefined;
  } catch (error) {
    failure ??= { error };
  }
  const equivalents = match.matchPolicy === "Equivalent";
  if (byRules(match.excludeResourceRules ?? [], equivalents, attributes, versions)) return undefined;
  const rules = match.resourceRules ?? [];
  const resource = rules.length === 0 ? versions.requested : byRules(rules, equivalents, attributes, versions);
  if (resource && failure) throw failure.error;
  return resource;
}

function byRules(
  rules: readonly NamedRuleWithOperations[],
  equivalents: boolean,
  attributes: AdmissionAttributes,
  versions: ObjectVersions,
): ResourceType | undefined {
  const matched = matchedOf(attributes);
  const named = rules.filter(({ resourceNames: names }) => !names?.length || names.includes(attributes.name));
  if (named.some((rule) => matchesRule(rule, matched))) return versions.requested;
  if (!equivalents || named.length === 0) return undefined;
  const others = versions.equivalents();
  for (const rule of named) {
    const found = others.find((resource) => matchesRule(rule, { ...matched, resource }));
    if (found) return found;
  }
  return undefined;
}
