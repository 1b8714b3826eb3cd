import { jsonEqual } from "../../api/json-equal.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../api/status-error.ts";
import type { ObjectMeta } from "../../api/types/meta.v1.ts";
import type { ResourceClient } from "../../client/client.ts";
import { AUTO_UPDATE_ANNOTATION, type BootstrapObjects } from "./bootstrap-objects.ts";

/** How often the default objects are looked after, as upstream does. */
export const ENSURE_PERIOD_MS = 60_000;

/** Under which the default objects are written. */
export const FIELD_MANAGER = "api-priority-and-fairness-config-producer-v1";

interface Configuration {
  metadata?: ObjectMeta;
  spec?: object;
}

/** One thing to be done to a default object. */
export type Step<T> = { create: T } | { update: T } | { delete: string };

/**
 * What is to be done so that the default objects are as they should be: missing ones are created, mandatory ones keep
 * their spec, suggested ones keep it unless their operator has said otherwise (by the annotation, or by changing the spec
 * of an object without one), and objects that are no defaults any more go away.
 */
export function planDefaults<T extends Configuration>(wanted: BootstrapObjects<T>, present: readonly T[]): Step<T>[] {
  const byName = new Map(present.map((object) => [object.metadata?.name, object]));
  const steps: Step<T>[] = [];
  for (const [objects, mandatory] of [
    [wanted.suggested, false],
    [wanted.mandatory, true],
  ] as const) {
    for (const object of objects) {
      const current = byName.get(object.metadata?.name);
      if (!current) {
        steps.push({ create: object });
        continue;
      }
      const revised = revise(object, current, mandatory);
      if (revised) steps.push({ update: revised });
    }
  }
  const names = new Set([...wanted.mandatory, ...wanted.suggested].map(({ metadata }) => metadata?.name));
  for (const { metadata } of present) {
    const isDefault =
      names.has(metadata?.name) || parseBoolean(metadata?.annotations?.[AUTO_UPDATE_ANNOTATION]) !== true;
    if (!isDefault) steps.push({ delete: metadata?.name ?? "" });
  }
  return steps;
}

/** The current object put right; undefined where it is. */
function revise<T extends Configuration>(wanted: T, current: T, mandatory: boolean): T | undefined {
  const annotated = parseBoolean(current.metadata?.annotations?.[AUTO_UPDATE_ANNOTATION]);
  const keepsSpec = mandatory || (annotated ?? current.metadata?.generation === 1);
  const isWrong = keepsSpec && !jsonEqual(withDefaults(wanted.spec), withDefaults(current.spec));
  if (annotated === keepsSpec && !isWrong) return undefined;
  const annotations = { ...current.metadata?.annotations, [AUTO_UPDATE_ANNOTATION]: String(keepsSpec) };
  return {
    ...current,
    metadata: { ...current.metadata, annotations },
    ...(isWrong ? { spec: wanted.spec } : {}),
  };
}

/** Absent lists and false are the same to a rule. */
const withDefaults = (spec: object | undefined): unknown =>
  JSON.parse(JSON.stringify(spec ?? {}, (_, value) => (value === false ? undefined : value)));

/** As Go reads it; undefined where it is neither. */
function parseBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  return ["0", "f", "F", "false", "FALSE", "False"].includes(text) ? false : undefined;
}

/** Takes the steps. Somebody else's write in between is no failure: the next round looks again. */
export async function takeSteps<T extends Configuration>(
  resource: ResourceClient<T>,
  steps: readonly Step<T>[],
): Promise<void> {
  const options = { fieldManager: FIELD_MANAGER };
  await Promise.all(
    steps.map(async (step) => {
      try {
        if ("create" in step) await resource.create(step.create, options);
        else if ("update" in step) await resource.update(step.update, options);
        else await resource.delete(step.delete);
      } catch (error) {
        if (!isAlreadyExists(error) && !isConflict(error) && !isNotFound(error)) throw error;
      }
    }),
  );
}
