import type { FieldError } from "../../resource-definition.ts";
import type { AppArmorProfile, PodSpec, SeccompProfile } from "../../types/core.v1.ts";
import { at, child, forbidden, goQuote, invalid } from "../field-errors.ts";
import { validateLocalDescendingPath } from "./path-checks.ts";
import { visitContainers } from "./security-context-validation.ts";

export const MIRROR = "kubernetes.io/config.mirror";
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/";

type Annotations = Record<string, string> | undefined | null;

/** Annotations that mean something to pods. */
export function validatePodAnnotations(
  annotations: Annotations,
  spec: PodSpec,
  path: string,
  errors: FieldError[],
): void {
  if (!annotations) return;
  const mirror = annotations[MIRROR];
  if (mirror && !spec.nodeName) {
    errors.push(invalid(at(path, MIRROR), mirror, "must set spec.nodeName if mirror pod annotation is set"));
  }
  const cost = annotations[DELETION_COST];
  if (cost !== undefined && !isInt32(cost)) {
    errors.push(invalid(at(path, DELETION_COST), cost, "must be a 32bit integer"));
  }
  for (const name in annotations) {
    const value = annotations[name]!;
    if (name === SECCOMP_POD || name.startsWith(SECCOMP_CONTAINER)) validateSeccomp(value, child(path, name), errors);
    else if (name.startsWith(APP_ARMOR)) {
      const container = name.slice(APP_ARMOR.length);
      if (!hasContainer(spec, container)) errors.push(invalid(at(path, name), container, "container not found"));
      if (!/^($|runtime\/default$|unconfined$|localhost\/)/.test(value)) {
        errors.push(invalid(at(path, name), value, `invalid AppArmor profile name: ${goQuote(value)}`));
      }
    }
  }
}

function isInt32(text: string): boolean {
  return /^(0|-?[1-9][0-9]*)$/.test(text) && Math.abs(Number(text)) <= 2_147_483_647;
}

function validateSeccomp(value: string, path: string, errors: FieldError[]): void {
  if (["runtime/default", "docker/default", "unconfined"].includes(value)) return;
  if (value.startsWith("localhost/")) validateLocalDescendingPath(value.slice("localhost/".length), path, errors);
  else errors.push(invalid(path, value, "must be a valid seccomp profile"));
}

function hasContainer(spec: PodSpec, wanted: string): boolean {
  let found = false;
  visitContainers(spec, "", ({ name }) => {
    if (name === wanted) found = true;
  });
  return found;
}

/** Profiles that are given both as annotations and as fields must say the same. */
export function validateProfilesMatch(
  annotations: Annotations,
  spec: PodSpec,
  path: string,
  errors: FieldError[],
): void {
  if (!annotations) return;
  const context = spec.securityContext;
  compareSeccomp(annotations[SECCOMP_POD], context?.seccompProfile, child(path, "securityContext"), errors);
  visitContainers(spec, path, ({ name, securityContext }, field) => {
    const own = child(field, "securityContext");
    compareSeccomp(annotations[SECCOMP_CONTAINER + name], securityContext?.seccompProfile, own, errors);
    if (spec.os?.name === "windows") return;
    const profile = securityContext?.appArmorProfile ?? context?.appArmorProfile;
    compareAppArmor(annotations[APP_ARMOR + name], profile, own, errors);
  });
}

function compareSeccomp(
  annotation: string | undefined,
  profile: SeccompProfile | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  if (annotation === undefined || !profile) return;
  const aliases = profile.type === "RuntimeDefault" ? ["runtime/default", "docker/default"] : [];
  compare("seccomp", annotation, profile, aliases, child(path, "seccompProfile"), errors);
}

function compareAppArmor(
  annotation: string | undefined,
  profile: AppArmorProfile | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  if (annotation === undefined || !profile) return;
  const aliases = profile.type === "RuntimeDefault" ? ["runtime/default"] : [];
  compare("apparmor", annotation, profile, aliases, child(path, "appArmorProfile"), errors);
}

function compare(
  what: string,
  annotation: string,
  { type, localhostProfile }: SeccompProfile | AppArmorProfile,
  runtimeDefaults: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  const mismatch = () => errors.push(forbidden(child(path, "type"), `${what} type in annotation and field must match`));
  if (type === "Unconfined") {
    if (annotation !== "unconfined") mismatch();
  } else if (type === "RuntimeDefault") {
    if (!runtimeDefaults.includes(annotation)) mismatch();
  } else if (type === "Localhost") {
    if (!annotation.startsWith("localhost/")) mismatch();
    else if (annotation.slice("localhost/".length) !== localhostProfile) {
      const detail = `${what} profile in annotation and field must match`;
      errors.push(forbidden(child(path, "localhostProfile"), detail));
    }
  }
}

/** Annotations that may not change after a pod's creation. */
export function validatePodAnnotationUpdate(
  annotations: Annotations,
  old: Annotations,
  path: string,
  errors: FieldError[],
): void {
  const before = old ?? {};
  const after = annotations ?? {};
  for (const name in before) {
    if (name.startsWith(APP_ARMOR) && after[name] !== before[name]) {
      errors.push(forbidden(at(path, name), "may not remove or update AppArmor annotations"));
    } else if (name === MIRROR && after[name] !== before[name]) {
      errors.push(forbidden(at(path, name), "may not remove or update mirror pod annotation"));
    }
  }
  for (const name in after) {
    if (before[name] !== undefined) continue;
    if (name.startsWith(APP_ARMOR)) errors.push(forbidden(at(path, name), "may not add AppArmor annotations"));
    else if (name === MIRROR) errors.push(forbidden(at(path, name), "may not add mirror pod annotation"));
  }
}
