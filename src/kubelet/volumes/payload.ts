import type { ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret } from "../../api/types/core.v1.ts";
import { type DownwardFacts, fieldValue, resourceValue } from "../containers/downward-api.ts";
import type { PayloadFile } from "./atomic-writer.ts";

/** The files that API objects turn into, for volumes of their own and for projected ones alike. */

export const DEFAULT_MODE = 0o644;

interface KeyedSource {
  items?: KeyToPath[];
  optional?: boolean;
}

export function configMapFiles(object: ConfigMap | undefined, source: KeyedSource & { name?: string }, mode: number) {
  if (!object && !source.optional) throw new Error(`configmap "${source.name ?? ""}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(object?.binaryData ?? {})) data.set(key, Buffer.from(text, "base64"));
  return keyedFiles(data, source, mode, (key) => `configmap references non-existent config key: ${key}`);
}

export function secretFiles(object: Secret | undefined, source: KeyedSource & { name?: string }, mode: number) {
  if (!object && !source.optional) throw new Error(`secret "${source.name ?? ""}" not found`);
  const data = new Map<string, Uint8Array>();
  for (const [key, text] of Object.entries(object?.data ?? {})) data.set(key, Buffer.from(text, "base64"));
  return keyedFiles(data, source, mode, (key) => `references non-existent secret key: ${key}`);
}

function keyedFiles(
  data: ReadonlyMap<string, Uint8Array>,
  source: KeyedSource,
  mode: number,
  missing: (key: string) => string,
): Map<string, PayloadFile> {
  const files = new Map<string, PayloadFile>();
  if (!source.items?.length) {
    for (const [key, content] of data) files.set(key, { data: content, mode });
    return files;
  }
  for (const item of source.items) {
    const content = data.get(item.key);
    if (content) files.set(item.path, { data: content, mode: item.mode ?? mode });
    else if (!source.optional) throw new Error(missing(item.key));
  }
  return files;
}

export function downwardFiles(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  facts: DownwardFacts,
): Map<string, PayloadFile> {
  const files = new Map<string, PayloadFile>();
  for (const item of items) {
    const text = item.fieldRef
      ? fieldValue(pod, item.fieldRef, facts)
      : item.resourceFieldRef
        ? resourceValue(pod, item.resourceFieldRef, undefined, facts)
        : "";
    files.set(item.path, { data: Buffer.from(text), mode: item.mode ?? mode });
  }
  return files;
}
