import assert from "node:assert/strict";
import type { UnknownObject } from "../object.ts";
import type { FieldError, WriteContext } from "../resource-definition.ts";
import { resourceDefinition } from "./index.ts";

export const context: WriteContext = {
  now: Date.parse("2026-05-01T12:00:00Z"),
  user: { name: "alice", groups: ["dev"] },
};

/** `field: message` of each error, as the Status message joins them. */
export function lines(errors: readonly FieldError[]): string[] {
  return errors.map(({ field, message }) => (field === "" ? message : `${field}: ${message}`));
}

function defaulted(group: string, resource: string, object: object): UnknownObject {
  const copy = structuredClone(object) as UnknownObject;
  copy.metadata ??= { name: "x" };
  resourceDefinition(group, resource)!.defaults?.(copy);
  return copy;
}

/** What is wrong with a new object, after its defaults. */
export function createErrors(group: string, resource: string, object: object): string[] {
  const definition = resourceDefinition(group, resource)!;
  const copy = defaulted(group, resource, object);
  definition.prepareForCreate?.(copy, context);
  return lines([
    ...(definition.validate?.(copy, context) ?? []),
    ...(definition.validateCreate?.(copy, context) ?? []),
  ]);
}

/** What is wrong with an update, after defaults on both sides. */
export function updateErrors(
  group: string,
  resource: string,
  old: object,
  object: object,
  subresource?: string,
): string[] {
  const definition = resourceDefinition(group, resource)!;
  const before = defaulted(group, resource, old);
  const after = defaulted(group, resource, object);
  const write = { ...context, subresource };
  if (subresource === "status") {
    definition.prepareForStatusUpdate?.(after, before, write);
    return lines(definition.validateStatusUpdate?.(after, before, write) ?? []);
  }
  definition.prepareForUpdate?.(after, before, write);
  return lines([
    ...(definition.validate?.(after, write) ?? []),
    ...(definition.validateUpdate?.(after, before, write) ?? []),
  ]);
}

/** A copy of `object` with the value at a path of fields and indexes replaced (or removed, for undefined). */
export function changed<T extends object>(object: T, path: readonly (string | number)[], value: unknown): T {
  const copy = structuredClone(object);
  let holder = copy as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) {
    holder[key] ??= {};
    holder = holder[key] as Record<string | number, unknown>;
  }
  const last = path.at(-1)!;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}

/** A table of changes to an object that is sound by itself, and the errors that each makes on creation. */
export function checkCreate(
  group: string,
  resource: string,
  sound: object,
  cases: readonly (readonly [path: readonly (string | number)[], value: unknown, ...errors: string[]])[],
): void {
  assert.deepEqual(createErrors(group, resource, sound), [], `${resource} as a base`);
  for (const [path, value, ...errors] of cases) {
    assert.deepEqual(
      createErrors(group, resource, changed(sound, path, value)),
      errors,
      `${resource}: ${path.join(".")} = ${JSON.stringify(value)}`,
    );
  }
}

/** The same for updates of the sound object. */
export function checkUpdate(
  group: string,
  resource: string,
  sound: object,
  cases: readonly (readonly [path: readonly (string | number)[], value: unknown, ...errors: string[]])[],
  subresource?: string,
): void {
  for (const [path, value, ...errors] of cases) {
    assert.deepEqual(
      updateErrors(group, resource, sound, changed(sound, path, value), subresource),
      errors,
      `${resource}: ${path.join(".")} to ${JSON.stringify(value)}`,
    );
  }
}

/** What clients are told about a new object, or about an update of `old`, after defaults. */
export function warningsOf(group: string, resource: string, object: object, old?: object): string[] {
  const definition = resourceDefinition(group, resource)!;
  const before = old && defaulted(group, resource, old);
  return definition.warnings?.(defaulted(group, resource, object), before) ?? [];
}
