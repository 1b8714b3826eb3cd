import type { Bodies } from "./bodies.ts";
import type { Choice } from "./choice.ts";

const POINTERS = [
  "",
  "/",
  "/metadata",
  "/metadata/name",
  "/metadata/labels",
  "/metadata/labels/app",
  "/metadata/annotations/a~1b",
  "/metadata/finalizers/-",
  "/metadata/finalizers/0",
  "/metadata/managedFields",
  "/metadata/resourceVersion",
  "/spec",
  "/spec/containers/0",
  "/spec/containers/0/image",
  "/spec/containers/-1",
  "/spec/containers/99999999999",
  "/spec/replicas",
  "/status",
  "/data/a",
  "/data",
  "/__proto__/x",
  "/constructor/prototype",
  "no-slash",
  "/~2",
  "/kind",
];

export interface Patch {
  readonly type: string;
  readonly bytes: Buffer;
}

/** A patch of one of the four types. `object` is what it could be made from. */
export function patchOf(choice: Choice, bodies: Bodies, object: Record<string, unknown>): Patch {
  const form = choice.weighted({ json: 25, merge: 25, strategic: 25, apply: 25 });
  switch (form) {
    case "json":
      return { type: "application/json-patch+json", bytes: json(jsonPatch(choice)) };
    case "merge":
      return { type: "application/merge-patch+json", bytes: json(part(choice, bodies, object)) };
    case "strategic":
      return {
        type: "application/strategic-merge-patch+json",
        bytes: json(strategic(choice, part(choice, bodies, object))),
      };
    default: {
      const { metadata, ...rest } = object as { metadata?: Record<string, unknown> };
      const applied = {
        ...rest,
        metadata: { ...metadata, ...(choice.chance(0.9) ? { managedFields: undefined } : {}) },
      };
      return { type: "application/apply-patch+yaml", bytes: json(applied) };
    }
  }
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value) ?? "null");

function jsonPatch(choice: Choice): unknown {
  if (choice.chance(0.05)) return choice.value();
  return Array.from({ length: choice.pick([0, 1, 1, 2, 4, 30]) }, () => {
    const op = choice.pick(["add", "remove", "replace", "move", "copy", "test", "test", "", "nonsense"]);
    const operation: Record<string, unknown> = { op, path: choice.chance(0.9) ? choice.pick(POINTERS) : choice.text() };
    if (choice.chance(0.8)) operation["value"] = choice.value();
    if (op === "move" || op === "copy" || choice.chance(0.1)) operation["from"] = choice.pick(POINTERS);
    return operation;
  });
}

/** Some of the object's members, changed. */
function part(choice: Choice, bodies: Bodies, object: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(object)) {
    if (key === "apiVersion" || key === "kind" ? choice.chance(0.3) : choice.chance(0.6)) result[key] = object[key];
  }
  if (choice.chance(0.7)) bodies.mutate(result, undefined);
  return result;
}

/** Puts directives where they may be, and where they may not. */
function strategic(choice: Choice, patch: Record<string, unknown>): Record<string, unknown> {
  const directives = [
    ["$patch", choice.pick(["delete", "replace", "merge", "nonsense", 7])],
    ["$retainKeys", choice.pick([["type"], [], "x", [1]])],
    ["$setElementOrder/containers", choice.pick([[{ name: "c" }], [{ name: "zz" }], ["c"], null])],
    ["$setElementOrder/finalizers", ["a"]],
    ["$deleteFromPrimitiveList/finalizers", choice.pick([["example.com/f"], "x"])],
    ["$setElementOrder/", []],
    ["$nonsense", 1],
  ] as const;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 6) return;
    if (!Array.isArray(value) && choice.chance(0.25)) {
      const [key, directive] = choice.pick(directives);
      (value as Record<string, unknown>)[key] = structuredClone(directive);
    }
    for (const inner of Object.values(value)) visit(inner, depth + 1);
  };
  const copy = structuredClone(patch);
  visit(copy, 0);
  return copy;
}
