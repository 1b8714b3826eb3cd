import type { PodSpec } from "../../../api/types/core.v1.ts";
import type { ObjectMeta } from "../../../api/types/meta.v1.ts";
import { BASELINE } from "./baseline-checks.ts";
import type { LevelVersion } from "./policy.ts";
import { RESTRICTED } from "./restricted-checks.ts";
import type { PodCheck, Violation } from "./violation.ts";

/** The newest version that any check knows: later ones are the same. */
const NEWEST = Math.max(...[...BASELINE, ...RESTRICTED].map(({ since }) => since));
const chosen = new Map<string, readonly PodCheck[]>();

/** What is wrong with a pod at a level, in upstream's order: baseline before restricted, each by its id. */
export function evaluate(at: LevelVersion, spec: PodSpec, metadata: ObjectMeta): Violation[] {
  if (at.level === "privileged") return [];
  const minor = at.minor === "latest" ? NEWEST : Math.min(at.minor, NEWEST);
  const key = `${at.level}:${minor}`;
  let checks = chosen.get(key);
  if (!checks) {
    checks = choose(at.level, minor);
    chosen.set(key, checks);
  }
  return checks.map((one) => one.check(spec, metadata)).filter((violation) => violation !== undefined);
}

function choose(level: "baseline" | "restricted", minor: number): PodCheck[] {
  const baseline = inForce(BASELINE, minor);
  if (level === "baseline") return baseline;
  const restricted = inForce(RESTRICTED, minor);
  const overridden = new Set(restricted.flatMap(({ overrides }) => overrides ?? []));
  return [...baseline.filter(({ id }) => !overridden.has(id)), ...restricted];
}

/** Of each check the latest form that was there in 1.`minor`. */
function inForce(checks: readonly PodCheck[], minor: number): PodCheck[] {
  const latest = new Map<string, PodCheck>();
  for (const check of checks) if (check.since <= minor) latest.set(check.id, check);
  return [...latest.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** `privileged (container "a" must not …), hostPort (…)` */
export const describeViolations = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");

/** The reasons alone. */
export const summarizeViolations = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(", ");
