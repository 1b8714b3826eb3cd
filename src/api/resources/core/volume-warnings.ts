import type { KubeObject } from "../../object.ts";
import type { PersistentVolume, PersistentVolumeClaim } from "../../types/core.v1.ts";
import { termWarnings } from "../deprecated-labels.ts";
import { at } from "../field-errors.ts";
import { claimSpecWarnings, sourceWarnings } from "./deprecated-volumes.ts";

const CLASS = "volume.beta.kubernetes.io/storage-class";
const OPTIONS = "volume.beta.kubernetes.io/mount-options";

function annotationWarnings({ metadata }: KubeObject, messages: Readonly<Record<string, string>>): string[] {
  return Object.keys(messages)
    .filter((name) => metadata?.annotations?.[name] !== undefined)
    .map((name) => `${at("metadata.annotations", name)}: ${messages[name]}`);
}

const USE_CLASS = 'deprecated since v1.8; use "storageClassName" attribute instead';

export function persistentVolumeWarnings(volume: PersistentVolume): string[] {
  const warnings = annotationWarnings(volume, {
    [CLASS]: USE_CLASS,
    [OPTIONS]: 'deprecated since v1.31; use "mountOptions" attribute instead',
  });
  if (volume.spec?.persistentVolumeReclaimPolicy === "Recycle") {
    const detail =
      "The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.";
    warnings.push(`spec.persistentVolumeReclaimPolicy: ${detail}`);
  }
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  for (const [index, term] of terms.entries()) {
    warnings.push(...termWarnings(term, at("spec.nodeAffinity.required.nodeSelectorTerms", index)));
  }
  return [...warnings, ...sourceWarnings(volume.spec ?? {}, "spec")];
}

export function claimWarnings(claim: PersistentVolumeClaim): string[] {
  return [...annotationWarnings(claim, { [CLASS]: USE_CLASS }), ...claimSpecWarnings(claim.spec, "spec")];
}
