import { checkRelaxedEnvironmentName } from "../../api/names.ts";
import type { ConfigMap, EnvVar, Pod, Secret } from "../../api/types/core.v1.ts";
import { type AnyContainer, podNamespace } from "../pod/pod.ts";
import { type DownwardFacts, fieldValue, resourceValue } from "./downward-api.ts";
import { envFileValue } from "./env-file.ts";
import { expand } from "./expansion.ts";

/** Where the environment's values come from. The lookups reject with the API's error, NotFound among them. */
export interface EnvironmentSources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** A file of an emptyDir volume; undefined where it is not there. Rejects where there is no such volume. */
  volumeFile(volume: string, path: string): Promise<string | undefined>;
  services: ReadonlyMap<string, string>;
  facts: DownwardFacts;
  /** Told of keys that can't name a variable and were left out. */
  onSkipped(message: string): void;
}

/** The environment of a container, in no particular order. Throws a plain Error whose text the pod's status shows. */
export async function environment(
  pod: Pod,
  container: AnyContainer,
  sources: EnvironmentSources,
): Promise<Map<string, string>> {
  const namespace = podNamespace(pod);
  const result = new Map<string, string>();
  for (const from of container.envFrom ?? []) {
    const reference = from.configMapRef ?? from.secretRef;
    const kind = from.configMapRef ? "configMap" : "secret";
    if (!reference?.name) continue;
    const found = from.configMapRef
      ? await sources.configMap(namespace, reference.name)
      : await sources.secret(namespace, reference.name);
    if (!found) {
      if (reference.optional) continue;
      throw new Error(`${kind.toLowerCase()} "${reference.name}" not found`);
    }
    const data = from.configMapRef ? found.data : decoded(found);
    const skipped: string[] = [];
    for (const [key, value] of Object.entries(data ?? {})) {
      const name = `${from.prefix ?? ""}${key}`;
      if (checkRelaxedEnvironmentName(name).length > 0) skipped.push(name);
      else result.set(name, value);
    }
    if (skipped.length > 0) {
      sources.onSkipped(
        `Keys [${skipped.sort().join(", ")}] from the EnvFrom ${kind} ${namespace}/${reference.name} were skipped since they are considered invalid environment variable names.`,
      );
    }
  }
  const lookup = (name: string) => result.get(name) ?? sources.services.get(name);
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? await valueFrom(pod, container, variable, sources)
      : expand(variable.value ?? "", lookup);
    if (value !== undefined) result.set(variable.name, value);
  }
  for (const [name, value] of sources.services) if (!result.has(name)) result.set(name, value);
  return result;
}

/** Undefined where an optional source is missing: then the variable is not set at all. */
async function valueFrom(
  pod: Pod,
  container: AnyContainer,
  variable: EnvVar,
  sources: EnvironmentSources,
): Promise<string | undefined> {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = variable.valueFrom!;
  const namespace = podNamespace(pod);
  if (fieldRef) return fieldValue(pod, fieldRef, sources.facts);
  if (resourceFieldRef) return resourceValue(pod, resourceFieldRef, container.name, sources.facts);
  if (configMapKeyRef) {
    const { name = "", key, optional } = configMapKeyRef;
    const found = await sources.configMap(namespace, name);
    if (!found && !optional) throw new Error(`configmap "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (secretKeyRef) {
    const { name = "", key, optional } = secretKeyRef;
    const found = await sources.secret(namespace, name);
    if (!found && !optional) throw new Error(`secret "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && !optional) throw new Error(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : Buffer.from(value, "base64").toString();
  }
  if (fileKeyRef) {
    const { volumeName, path, key, optional } = fileKeyRef;
    const text = await sources.volumeFile(volumeName, path);
    if (text === undefined && !optional)
      throw new Error(`couldn't parse env file: file "${path}" not found in volume "${volumeName}"`);
    const value = text === undefined ? undefined : envFileValue(text, key);
    if (value === undefined && !optional)
      throw new Error(`environment variable key "${key}" not found in file "${path}"`);
    return value;
  }
  return undefined;
}

function decoded(secret: Secret): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );
}
