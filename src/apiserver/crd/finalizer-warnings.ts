import { checkQualifiedName } from "../../api/names.ts";
import type { KubeObject } from "../../api/object.ts";
import { goQuote } from "../../api/resources/field-errors.ts";

const STANDARD = new Set(["orphan", "foregroundDeletion", "kubernetes"]);
const FIELD = "metadata.finalizers";

/** What to tell of the names of finalizers that were not there before. */
export function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata?.finalizers);
  const added = new Set((object.metadata?.finalizers ?? []).filter((finalizer) => !before.has(finalizer)));
  return [...added].sort().flatMap(warningsOf);
}

function warningsOf(finalizer: string): string[] {
  const name = goQuote(finalizer);
  const warnings = checkQualifiedName(finalizer).map((problem) => `${FIELD}: ${name}: ${problem}`);
  if (finalizer.includes("/") || STANDARD.has(finalizer)) return warnings;
  const path = finalizer.includes(".") ? " including a path (/)" : "";
  return [
    ...warnings,
    `${FIELD}: ${name}: prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`,
  ];
}
