import type { PolicyRule } from "../../api/types/rbac.v1.ts";
import { pathMatches } from "../authorization/policy-rule.ts";

/**
 * Which permissions of `wanted` are not among those of `held`: nobody may grant what they don't have. Each rule is
 * taken apart into single permissions (one verb on one resource, name or path), which are looked for one by one. What
 * is missing comes back joined again, one rule per resource.
 */
export function missingRules(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing = new Map<string, PolicyRule>();
  for (const permission of wanted.flatMap(permissions)) {
    if (held.some((rule) => covers(rule, permission))) continue;
    const { verb, path, group, resource, name } = permission;
    const key = JSON.stringify([path ? verb : "", path, group, resource, name]);
    const known = missing.get(key);
    if (known) known.verbs.push(...(known.verbs.includes(verb) ? [] : [verb]));
    else if (path !== undefined) missing.set(key, { nonResourceURLs: [path], verbs: [verb] });
    else {
      const rule = { apiGroups: [group!], resources: [resource!], verbs: [verb] };
      missing.set(key, name === undefined ? rule : { ...rule, resourceNames: [name] });
    }
  }
  return [...missing.values()];
}

/** One verb, on a path or on a resource (with this name only, if given). */
interface Permission {
  readonly verb: string;
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly name?: string;
}

function permissions({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): Permission[] {
  const names = resourceNames?.length ? resourceNames : [undefined];
  return [
    ...(apiGroups ?? []).flatMap((group) =>
      (resources ?? []).flatMap((resource) =>
        verbs.flatMap((verb) =>
          names.map((name) => (name === undefined ? { verb, group, resource } : { verb, group, resource, name })),
        ),
      ),
    ),
    ...(nonResourceURLs ?? []).flatMap((path) => verbs.map((verb) => ({ verb, path }))),
  ];
}

function covers(rule: PolicyRule, { verb, path, group, resource, name }: Permission): boolean {
  const has = (values: readonly string[] | undefined, value: string) => values?.includes(value) ?? false;
  if (!has(rule.verbs, "*") && !has(rule.verbs, verb)) return false;
  if (path !== undefined) {
    return !rule.resourceNames?.length && (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path));
  }
  if (!has(rule.apiGroups, "*") && !has(rule.apiGroups, group!)) return false;
  const slash = resource!.indexOf("/");
  const anyWithSubresource = slash < 0 ? undefined : `*${resource!.slice(slash)}`;
  const resourceHeld =
    has(rule.resources, "*") ||
    has(rule.resources, resource!) ||
    (anyWithSubresource !== undefined && has(rule.resources, anyWithSubresource));
  if (!resourceHeld) return false;
  return !rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name));
}

/** A rule in one line, as upstream's messages show it: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[] | undefined][] = [
    ["APIGroups", rule.apiGroups],
    ["Resources", rule.resources],
    ["NonResourceURLs", rule.nonResourceURLs],
    ["ResourceNames", rule.resourceNames],
    ["Verbs", rule.verbs],
  ];
  const shown = parts.filter(([, values]) => values?.length).map(([name, values]) => `${name}:${quotedList(values!)}`);
  return `{${shown.join(", ")}}`;
}

/** `["a" "b"]` */
export const quotedList = (values: readonly string[]): string =>
  `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
