import { checkConfigKey, checkDnsSubdomain, checkQualifiedName, checkRelaxedEnvironmentName } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { EnvFromSource, EnvVar, ObjectFieldSelector, ResourceFieldSelector } from "../../types/core.v1.ts";
import { at, child, invalid, notSupported, required } from "../field-errors.ts";
import { namePrefixProblems } from "../object-meta.ts";
import { addProblems } from "../value-checks.ts";
import { validateLocalNonReservedPath } from "./path-checks.ts";

/** What a container may learn of its pod through the environment. */
const OF_ENVIRONMENT = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
/** And through files. */
export const OF_FILES = [
  "metadata.annotations",
  "metadata.labels",
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
] as const;

/** Labels that the downward API knows at all. */
const KNOWN = new Set([
  ...OF_ENVIRONMENT,
  ...OF_FILES,
  "spec.restartPolicy",
  "spec.schedulerName",
  "spec.host",
  "status.phase",
]);

export function validateEnvironment(
  variables: EnvVar[] | undefined | null,
  volumes: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, variable] of (variables ?? []).entries()) {
    const field = at(path, index);
    if (!variable.name) errors.push(required(child(field, "name")));
    else addProblems(checkRelaxedEnvironmentName(variable.name), child(field, "name"), variable.name, errors);
    if (variable.valueFrom) validateSource(variable, volumes, child(field, "valueFrom"), errors);
  }
}

function validateSource(
  { value, valueFrom }: EnvVar,
  volumes: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom!;
  let sources = 0;
  if (fieldRef) {
    sources++;
    validateFieldSelector(fieldRef, OF_ENVIRONMENT, child(path, "fieldRef"), errors);
  }
  if (resourceFieldRef) {
    sources++;
    validateResourceSelector(resourceFieldRef, false, child(path, "resourceFieldRef"), errors);
  }
  for (const [name, reference] of [
    ["configMapKeyRef", configMapKeyRef],
    ["secretKeyRef", secretKeyRef],
  ] as const) {
    if (!reference) continue;
    sources++;
    const field = child(path, name);
    addProblems(checkDnsSubdomain(reference.name ?? ""), child(field, "name"), reference.name ?? "", errors);
    if (!reference.key) errors.push(required(child(field, "key")));
    else addProblems(checkConfigKey(reference.key), child(field, "key"), reference.key, errors);
  }
  if (fileKeyRef) {
    sources++;
    const field = child(path, "fileKeyRef");
    if (!fileKeyRef.key) errors.push(required(child(field, "key")));
    else addProblems(checkRelaxedEnvironmentName(fileKeyRef.key), child(field, "key"), fileKeyRef.key, errors);
    if (!fileKeyRef.volumeName) errors.push(required(child(field, "volumeName")));
    else if (!volumes.has(fileKeyRef.volumeName)) {
      errors.push(invalid(child(field, "volumeName"), fileKeyRef.volumeName, "volume must be of type emptyDir"));
    }
    if (!fileKeyRef.path) errors.push(required(child(field, "path")));
    else validateLocalNonReservedPath(fileKeyRef.path, child(field, "path"), errors);
  }
  if (sources === 0) {
    const kinds = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
    errors.push(invalid(path, "", `must specify one of: ${kinds}`));
  } else if (value) errors.push(invalid(path, "", "may not be specified when `value` is not empty"));
  else if (sources > 1) errors.push(invalid(path, "", "may not have more than one field specified at a time"));
}

/** A field of the pod, by the names that the downward API knows. */
export function validateFieldSelector(
  { apiVersion, fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
  path: string,
  errors: FieldError[],
): void {
  if (!apiVersion) {
    errors.push(required(child(path, "apiVersion")));
    return;
  }
  if (!fieldPath) {
    errors.push(required(child(path, "fieldPath")));
    return;
  }
  const unconverted = (problem: string) =>
    errors.push(invalid(child(path, "fieldPath"), fieldPath, `error converting fieldPath: ${problem}`));
  if (apiVersion !== "v1") {
    unconverted(`unsupported pod version: ${apiVersion}`);
    return;
  }
  const subscript = /^(.+?)\['(.*)'\]$/s.exec(fieldPath);
  if (subscript) {
    const [, base, key] = subscript as unknown as [string, string, string];
    if (base === "metadata.annotations")
      addProblems(checkQualifiedName(key.toLowerCase()), path, key.toLowerCase(), errors);
    else if (base === "metadata.labels") addProblems(checkQualifiedName(key), path, key, errors);
    else unconverted(`field label does not support subscript: ${fieldPath}`);
    return;
  }
  if (!KNOWN.has(fieldPath)) unconverted(`field label not supported: ${fieldPath}`);
  else {
    const internal = fieldPath === "spec.host" ? "spec.nodeName" : fieldPath;
    if (!supported.includes(internal)) errors.push(notSupported(child(path, "fieldPath"), internal, supported));
  }
}

const RESOURCES = [
  "limits.cpu",
  "limits.ephemeral-storage",
  "limits.memory",
  "requests.cpu",
  "requests.ephemeral-storage",
  "requests.memory",
];
const BYTES = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/** A container's request or limit. In a volume the container must be named. */
export function validateResourceSelector(
  { containerName, resource, divisor }: ResourceFieldSelector,
  inVolume: boolean,
  path: string,
  errors: FieldError[],
): void {
  const hugePages = /^(requests|limits)\.hugepages-/.test(resource ?? "");
  if (inVolume && !containerName) errors.push(required(child(path, "containerName")));
  else if (!resource) errors.push(required(child(path, "resource")));
  else if (!hugePages && !RESOURCES.includes(resource)) {
    errors.push(notSupported(child(path, "resource"), resource, RESOURCES));
  }
  if (!divisor || divisor === "0" || !resource) return;
  const wrong = (values: string, name: string) => {
    const detail = `only divisor's values ${values} are supported with the ${name} resource`;
    errors.push(invalid(child(path, "divisor"), resource, detail));
  };
  const bytes = BYTES.join(", ");
  if (resource.endsWith(".cpu")) {
    if (divisor !== "1m" && divisor !== "1") wrong("1m and 1", "cpu");
  } else if (BYTES.includes(divisor)) return;
  else if (resource.endsWith(".memory")) wrong(bytes, "memory");
  else if (resource.endsWith(".ephemeral-storage")) wrong(bytes, "local ephemeral storage");
  else if (hugePages) wrong(bytes, "hugepages");
}

/** Whole ConfigMaps and Secrets as variables. */
export function validateEnvironmentFrom(
  sources: EnvFromSource[] | undefined | null,
  path: string,
  errors: FieldError[],
): void {
  for (const [index, { prefix, configMapRef, secretRef }] of (sources ?? []).entries()) {
    const field = at(path, index);
    if (prefix) addProblems(checkRelaxedEnvironmentName(prefix), child(field, "prefix"), prefix, errors);
    for (const [name, reference] of [
      ["configMapRef", configMapRef],
      ["secretRef", secretRef],
    ] as const) {
      if (!reference) continue;
      const nameField = child(field, name, "name");
      if (!reference.name) errors.push(required(nameField));
      else addProblems(namePrefixProblems(reference.name), nameField, reference.name, errors);
    }
    if (!configMapRef && !secretRef) {
      errors.push(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    } else if (configMapRef && secretRef) {
      errors.push(invalid(path, "", "may not have more than one field specified at a time"));
    }
  }
}
