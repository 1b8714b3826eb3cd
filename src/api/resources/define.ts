import type { KubeObject } from "../object.ts";
import type { ResourceDefinition } from "../resource-definition.ts";

/**
 * Forgets the type of a definition's objects, so that definitions of all kinds fit into one list. Sound because the
 * engine hands a definition only objects of its own `type`.
 */
export function define<T extends KubeObject>(definition: ResourceDefinition<T>): ResourceDefinition {
  return definition as unknown as ResourceDefinition;
}
