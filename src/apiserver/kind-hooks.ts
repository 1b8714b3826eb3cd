import type { ResourceType } from "../api/object.ts";
import type { KindHooks } from "./registry/kind-hooks.ts";
import { namespaceHooks } from "./registry/namespace-hooks.ts";

/** The hooks of the kinds that have some. */
export function kindHooksOf(type: ResourceType): KindHooks | undefined {
  return HOOKS[`${type.resource}.${type.group}`];
}

const HOOKS: Readonly<Record<string, KindHooks>> = { "namespaces.": namespaceHooks };
