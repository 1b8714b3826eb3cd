import type { PersistentVolumeClaimSpec } from "../../types/core.v1.ts";
import { at, child } from "../field-errors.ts";
import { parseQuantity } from "../quantities.ts";

/** Volumes of kinds that do nothing any more, or will soon. */
const DEPRECATED: readonly (readonly [source: string, message: string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

/** What to say of the source of a volume. */
export function sourceWarnings(holder: object, path: string): string[] {
  const sources = holder as Readonly<Record<string, unknown>>;
  return DEPRECATED.filter(([source]) => sources[source] != null).map(([source, message]) => {
    // Upstream spells this one otherwise than the field.
    return `${child(path, source === "storageos" ? "storageOS" : source)}: ${message}`;
  });
}

/** What to say of amounts of bytes that are not whole. */
export function fractionWarnings(
  amounts: Readonly<Record<string, string>> | undefined,
  names: readonly string[],
  path: string,
): string[] {
  return names.flatMap((name) => {
    const text = amounts?.[name];
    if (text === undefined || (parseQuantity(text)?.milliValue() ?? 0) % 1000 === 0) return [];
    return [`${at(path, name)}: fractional byte value ${JSON.stringify(text)} is invalid, must be an integer`];
  });
}

/** What to say of a claim's spec. */
export function claimSpecWarnings(spec: PersistentVolumeClaimSpec | undefined, path: string): string[] {
  const resources = child(path, "resources");
  return [
    ...fractionWarnings(spec?.resources?.requests, ["storage"], child(resources, "requests")),
    ...fractionWarnings(spec?.resources?.limits, ["storage"], child(resources, "limits")),
  ];
}
