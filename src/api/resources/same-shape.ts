import { apiVersionOf, type UnknownObject } from "../object.ts";
import type { Conversion } from "../resource-definition.ts";

/** The conversion of a version that differs from the stored one in nothing but its name. */
export function sameShape(group: string, version: string, storageVersion: string): Conversion {
  const [shown, stored] = [apiVersionOf({ group, version }), apiVersionOf({ group, version: storageVersion })];
  return {
    toStorage: (object) => ({ ...object, apiVersion: stored }),
    fromStorage: (object) => ({ ...object, apiVersion: shown }),
  };
}

/** Rewrites a part of an object at a place that lists are on the way to: `spec.devices.requests[]`. The rest is shared. */
export function rewriteAt(
  object: UnknownObject,
  path: string,
  rewrite: (value: Record<string, unknown>) => Record<string, unknown>,
): UnknownObject {
  return rewritten(object, path.split("."), rewrite) as UnknownObject;
}

function rewritten(
  value: unknown,
  [step, ...rest]: readonly string[],
  rewrite: (value: Record<string, unknown>) => Record<string, unknown>,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (step === undefined) return rewrite(value as Record<string, unknown>);
  const name = step.replace(/\[\]$/, "");
  const before = (value as Record<string, unknown>)[name];
  if (before === undefined || before === null) return value;
  const after =
    name !== step && Array.isArray(before)
      ? before.map((item) => rewritten(item, rest, rewrite))
      : rewritten(before, rest, rewrite);
  return { ...value, [name]: after };
}
