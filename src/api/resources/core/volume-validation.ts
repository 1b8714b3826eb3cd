import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  DownwardAPIVolumeFile,
  EphemeralVolumeSource,
  KeyToPath,
  Volume,
  VolumeProjection,
} from "../../types/core.v1.ts";
import type { ObjectMeta } from "../../types/meta.v1.ts";
import { at, child, duplicate, forbidden, goQuote, invalid, required } from "../field-errors.ts";
import { validateAnnotations, validateLabelSelector, validateLabels } from "../label-checks.ts";
import { parseQuantity } from "../quantities.ts";
import { validateSignerName } from "../reference-checks.ts";
import { validateEnum, validateLabelName } from "../value-checks.ts";
import { validateClaimSpec } from "./claim-validation.ts";
import { OF_FILES, validateFieldSelector, validateResourceSelector } from "./environment-validation.ts";
import { validateLocalNonReservedPath } from "./path-checks.ts";
import { validateMode, validateOneSource, validateSharedSource } from "./volume-sources.ts";

/** In the order in which upstream looks at them: of two, the later is the one too many. */
const ORDER = [
  "emptyDir",
  "hostPath",
  "gitRepo",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "secret",
  "nfs",
  "iscsi",
  "glusterfs",
  "flocker",
  "persistentVolumeClaim",
  "rbd",
  "cinder",
  "cephfs",
  "quobyte",
  "downwardAPI",
  "fc",
  "flexVolume",
  "configMap",
  "azureFile",
  "vsphereVolume",
  "photonPersistentDisk",
  "portworxVolume",
  "azureDisk",
  "storageos",
  "projected",
  "scaleIO",
  "csi",
  "ephemeral",
  "image",
];

export const PULL_POLICIES = ["Always", "IfNotPresent", "Never"] as const;

/**
 * Validates a pod's volumes, and returns those that containers may mount by name. `podName` is absent for a template:
 * then names that are made from the pod's are not known yet.
 */
export function validateVolumes(
  volumes: Volume[] | undefined | null,
  podName: string | undefined,
  path: string,
  errors: FieldError[],
): Map<string, Volume> {
  const sound = new Map<string, Volume>();
  if (!volumes) return sound;
  const created = new Set<string>();
  if (podName) for (const { name, ephemeral } of volumes) if (ephemeral) created.add(`${podName}-${name}`);
  for (const [index, volume] of volumes.entries()) {
    const field = at(path, index);
    const before = errors.length;
    validateSource(volume, podName, field, errors);
    if (!volume.name) errors.push(required(child(field, "name")));
    else validateLabelName(volume.name, child(field, "name"), errors);
    if (sound.has(volume.name)) errors.push(duplicate(child(field, "name"), volume.name));
    if (errors.length === before) sound.set(volume.name, volume);
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim && created.has(claim)) {
      const detail = "must not reference a PVC that gets created for an ephemeral volume";
      errors.push(invalid(child(field, "persistentVolumeClaim", "claimName"), claim, detail));
    }
  }
  return sound;
}

function validateSource(volume: Volume, podName: string | undefined, path: string, errors: FieldError[]): void {
  validateOneSource(volume, ORDER, path, errors, (name, field) => {
    switch (name) {
      case "emptyDir": {
        const limit = volume.emptyDir!.sizeLimit;
        const quantity = parseQuantity(limit);
        if (limit != null && (!quantity || quantity.sign < 0)) {
          errors.push(forbidden(child(field, "sizeLimit"), "SizeLimit field must be a valid resource quantity"));
        }
        return;
      }
      case "secret":
        if (!volume.secret!.secretName) errors.push(required(child(field, "secretName")));
        validateMode(volume.secret!.defaultMode, child(field, "defaultMode"), errors);
        validateItems(volume.secret!.items, field, errors);
        return;
      case "configMap":
        if (!volume.configMap!.name) errors.push(required(child(field, "name")));
        validateMode(volume.configMap!.defaultMode, child(field, "defaultMode"), errors);
        validateItems(volume.configMap!.items, field, errors);
        return;
      case "persistentVolumeClaim":
        if (!volume.persistentVolumeClaim!.claimName) errors.push(required(child(field, "claimName")));
        return;
      case "downwardAPI":
        validateMode(volume.downwardAPI!.defaultMode, child(field, "defaultMode"), errors);
        for (const file of volume.downwardAPI!.items ?? []) validateDownwardFile(file, field, errors);
        return;
      case "projected":
        validateMode(volume.projected!.defaultMode, child(field, "defaultMode"), errors);
        validateProjections(volume.projected!.sources ?? [], field, errors);
        return;
      case "ephemeral":
        validateEphemeral(volume.ephemeral!, field, errors);
        if (podName && volume.name) {
          const claim = `${podName}-${volume.name}`;
          for (const problem of checkDnsSubdomain(claim)) {
            errors.push(invalid(child(path, "name"), volume.name, `PVC name ${goQuote(claim)}: ${problem}`));
          }
        }
        return;
      case "image":
        if (podName !== undefined && !volume.image!.reference) errors.push(required(child(field, "reference")));
        validateEnum(volume.image!.pullPolicy, PULL_POLICIES, child(field, "pullPolicy"), errors);
        return;
      default:
        validateSharedSource(name, volume, field, errors, { persistent: false, name: volume.name });
    }
  });
}

function validateItems(items: KeyToPath[] | undefined, path: string, errors: FieldError[]): void {
  for (const [index, item] of (items ?? []).entries()) validateItem(item, at(child(path, "items"), index), errors);
}

function validateItem(item: KeyToPath, path: string, errors: FieldError[]): void {
  if (!item.key) errors.push(required(child(path, "key")));
  if (!item.path) errors.push(required(child(path, "path")));
  validateLocalNonReservedPath(item.path ?? "", child(path, "path"), errors);
  validateMode(item.mode, child(path, "mode"), errors);
}

function validateDownwardFile(file: DownwardAPIVolumeFile, path: string, errors: FieldError[]): void {
  if (!file.path) errors.push(required(child(path, "path")));
  validateLocalNonReservedPath(file.path ?? "", child(path, "path"), errors);
  if (file.fieldRef) {
    validateFieldSelector(file.fieldRef, OF_FILES, child(path, "fieldRef"), errors);
    if (file.resourceFieldRef) {
      errors.push(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
    }
  } else if (file.resourceFieldRef) {
    validateResourceSelector(file.resourceFieldRef, true, child(path, "resourceFieldRef"), errors);
  } else errors.push(required(path, "one of fieldRef and resourceFieldRef is required"));
  validateMode(file.mode, child(path, "mode"), errors);
}

function validateProjections(sources: VolumeProjection[], path: string, errors: FieldError[]): void {
  const paths = new Set<string>();
  const claimPath = (target: string | undefined, shown: string) => {
    if (!target) return;
    if (paths.has(target)) errors.push(invalid(path, shown, "conflicting duplicate paths"));
    paths.add(target);
  };
  for (const [index, source] of sources.entries()) {
    const field = at(child(path, "sources"), index);
    for (const name of ["secret", "configMap"] as const) {
      const projected = source[name];
      if (!projected) continue;
      if (!projected.name) errors.push(required(child(field, name, "name")));
      validateItems(projected.items, child(field, name), errors);
      for (const item of projected.items ?? []) claimPath(item.path, projected.name ?? "");
    }
    for (const file of source.downwardAPI?.items ?? []) {
      validateDownwardFile(file, child(field, "downwardAPI"), errors);
      claimPath(file.path, file.path);
    }
    if (source.serviceAccountToken) validateToken(source.serviceAccountToken, path, field, errors);
    if (source.clusterTrustBundle) {
      validateTrustBundle(source.clusterTrustBundle, child(field, "clusterTrustBundle"), errors);
      claimPath(source.clusterTrustBundle.path, source.clusterTrustBundle.path);
    }
    if (source.podCertificate) {
      validateCertificate(source.podCertificate, child(field, "podCertificate"), errors);
      const { credentialBundlePath, keyPath, certificateChainPath } = source.podCertificate;
      for (const target of [credentialBundlePath, keyPath, certificateChainPath]) claimPath(target, target ?? "");
    }
    const kinds = Object.values(source).filter((value) => value !== undefined && value !== null).length;
    if (kinds > 1) errors.push(forbidden(field, "may not specify more than 1 volume type per source"));
  }
}

const TEN_MINUTES = 600;

function validateToken(
  token: NonNullable<VolumeProjection["serviceAccountToken"]>,
  volumePath: string,
  path: string,
  errors: FieldError[],
): void {
  const field = child(path, "serviceAccountToken", "expirationSeconds");
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < TEN_MINUTES) errors.push(invalid(field, seconds, "may not specify a duration less than 10 minutes"));
  if (seconds > 2 ** 32) errors.push(invalid(field, seconds, "may not specify a duration larger than 2^32 seconds"));
  if (!token.path) errors.push(required(child(volumePath, "path")));
  else validateLocalNonReservedPath(token.path, child(volumePath, "path"), errors);
}

function validateTrustBundle(
  bundle: NonNullable<VolumeProjection["clusterTrustBundle"]>,
  path: string,
  errors: FieldError[],
): void {
  const { name, signerName, labelSelector } = bundle;
  if (name != null && signerName != null) {
    errors.push(invalid(path, bundle, "only one of name and signerName may be used"));
  } else if (name != null) {
    if (name === "") errors.push(required(child(path, "name"), "must be a valid object name"));
    for (const problem of checkDnsSubdomain(name.slice(name.lastIndexOf(":") + 1))) {
      errors.push(invalid(child(path, "name"), name, `not a valid clustertrustbundlename: ${problem}`));
    }
    if (labelSelector) {
      const detail = "labelSelector must be unset if name is specified";
      errors.push(invalid(child(path, "labelSelector"), labelSelector, detail));
    }
  } else if (signerName != null) {
    if (signerName === "") errors.push(required(child(path, "signerName"), "must be a valid signer name"));
    validateSignerName(signerName, child(path, "signerName"), errors);
    validateLabelSelector(labelSelector, child(path, "labelSelector"), errors);
  } else errors.push(required(path, "either name or signerName must be specified"));
  if (!bundle.path) errors.push(required(child(path, "path")));
  validateLocalNonReservedPath(bundle.path ?? "", child(path, "path"), errors);
}

const KEY_TYPES = ["ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096"];

function validateCertificate(
  certificate: NonNullable<VolumeProjection["podCertificate"]>,
  path: string,
  errors: FieldError[],
): void {
  const { signerName, keyType, maxExpirationSeconds, credentialBundlePath, keyPath, certificateChainPath } =
    certificate;
  validateSignerName(signerName, child(path, "signerName"), errors);
  validateEnum(keyType, KEY_TYPES, child(path, "keyType"), errors);
  if (maxExpirationSeconds != null) {
    const field = child(path, "maxExpirationSeconds");
    if (maxExpirationSeconds < 3600)
      errors.push(invalid(field, maxExpirationSeconds, "if provided, maxExpirationSeconds must be >= 3600"));
    if (maxExpirationSeconds > 91 * 86400) {
      errors.push(invalid(field, maxExpirationSeconds, "if provided, maxExpirationSeconds must be <= 7862400"));
    }
  }
  if (!credentialBundlePath && !keyPath && !certificateChainPath) {
    errors.push(required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"));
  }
  for (const [name, target] of Object.entries({ credentialBundlePath, keyPath, certificateChainPath })) {
    if (target) validateLocalNonReservedPath(target, child(path, name), errors);
  }
}

const TEMPLATE_METADATA = new Set(["annotations", "labels"]);

function validateEphemeral(source: EphemeralVolumeSource, path: string, errors: FieldError[]): void {
  const template = source.volumeClaimTemplate;
  if (!template) {
    errors.push(required(child(path, "volumeClaimTemplate")));
    return;
  }
  validateTemplateMeta(template.metadata ?? {}, child(path, "volumeClaimTemplate", "metadata"), errors);
  validateClaimSpec(template.spec ?? {}, child(path, "volumeClaimTemplate", "spec"), errors);
}

/** Metadata of a template for an object that is made from it: labels and annotations, nothing else. */
export function validateTemplateMeta(metadata: ObjectMeta, path: string, errors: FieldError[]): void {
  validateAnnotations(metadata.annotations, child(path, "annotations"), errors);
  validateLabels(metadata.labels, child(path, "labels"), errors);
  for (const [name, value] of Object.entries(metadata)) {
    if (!TEMPLATE_METADATA.has(name) && value) errors.push(forbidden(child(path, name), "cannot be set"));
  }
}
