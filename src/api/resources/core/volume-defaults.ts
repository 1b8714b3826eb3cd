import type {
  EphemeralVolumeSource,
  PersistentVolumeClaimSpec,
  PersistentVolumeSpec,
  Volume,
  VolumeProjection,
} from "../../types/core.v1.ts";
import { canonical, canonicalizeMilliList } from "../quantities.ts";
import { pullPolicyFor } from "./pull-policy.ts";

/** File mode of projected files: 0644. */
const DEFAULT_MODE = 0o644;

/** Upstream's defaults of a pod's volume: without any source it is an emptyDir. */
export function defaultVolume(volume: Volume): void {
  let source: string | undefined;
  for (const field in volume) {
    if (field !== "name" && (volume as unknown as Record<string, unknown>)[field]) source = field;
  }
  switch (source) {
    case undefined:
      volume.emptyDir = {};
      break;
    case "emptyDir":
      if (volume.emptyDir!.sizeLimit != null) volume.emptyDir!.sizeLimit = canonical(volume.emptyDir!.sizeLimit);
      break;
    case "secret":
      volume.secret!.defaultMode ??= DEFAULT_MODE;
      break;
    case "configMap":
      volume.configMap!.defaultMode ??= DEFAULT_MODE;
      break;
    case "downwardAPI":
      volume.downwardAPI!.defaultMode ??= DEFAULT_MODE;
      defaultDownwardItems(volume.downwardAPI!.items);
      break;
    case "projected":
      volume.projected!.defaultMode ??= DEFAULT_MODE;
      for (const projection of volume.projected!.sources ?? []) defaultProjection(projection);
      break;
    case "ephemeral":
      defaultEphemeral(volume.ephemeral!);
      break;
    case "image":
      volume.image!.pullPolicy ||= pullPolicyFor(volume.image!.reference);
      break;
    default:
      defaultSharedSources(volume);
  }
}

/** Upstream's defaults of the sources that pods and PersistentVolumes have in common. */
function defaultSharedSources(source: Volume | PersistentVolumeSpec): void {
  if (source.hostPath) source.hostPath.type ??= "";
  if (source.iscsi) source.iscsi.iscsiInterface ||= "default";
  if (source.rbd) {
    source.rbd.pool ||= "rbd";
    source.rbd.user ||= "admin";
    source.rbd.keyring ||= "/etc/ceph/keyring";
  }
  if (source.azureDisk) {
    source.azureDisk.cachingMode ??= "ReadWrite";
    source.azureDisk.kind ??= "Shared";
    source.azureDisk.fsType ??= "ext4";
    source.azureDisk.readOnly ??= false;
  }
  if (source.scaleIO) {
    source.scaleIO.storageMode ||= "ThinProvisioned";
    source.scaleIO.fsType ||= "xfs";
  }
}

function defaultDownwardItems(items: { fieldRef?: { apiVersion?: string }; resourceFieldRef?: object }[] | undefined) {
  for (const item of items ?? []) {
    if (item.fieldRef) item.fieldRef.apiVersion ||= "v1";
    if (item.resourceFieldRef) defaultDivisor(item.resourceFieldRef);
  }
}

/** The divisor is a quantity that is always written: "0" where none was given. */
export function defaultDivisor(selector: { divisor?: string }): void {
  selector.divisor = canonical(selector.divisor ?? "0");
}

function defaultProjection(projection: VolumeProjection): void {
  if (projection.serviceAccountToken) projection.serviceAccountToken.expirationSeconds ??= 3600;
  if (projection.downwardAPI) defaultDownwardItems(projection.downwardAPI.items);
}

function defaultEphemeral(source: EphemeralVolumeSource): void {
  const template = source.volumeClaimTemplate;
  if (!template) return;
  template.metadata ??= {};
  template.spec ??= {};
  defaultClaimSpec(template.spec);
}

/** Defaults of a claim's spec, also inside templates. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= "Filesystem";
  spec.resources ??= {};
  canonicalizeMilliList(spec.resources.limits);
  canonicalizeMilliList(spec.resources.requests);
  // The older field and its successor say the same where both can.
  if (spec.dataSource && !spec.dataSourceRef) {
    spec.dataSourceRef = { ...spec.dataSource };
  } else if (spec.dataSourceRef && !spec.dataSource && !spec.dataSourceRef.namespace) {
    const { namespace: _none, ...reference } = spec.dataSourceRef;
    spec.dataSource = reference;
  }
}

/** Defaults of a PersistentVolume's spec. */
export function defaultPersistentVolumeSpec(spec: PersistentVolumeSpec): void {
  spec.persistentVolumeReclaimPolicy ||= "Retain";
  spec.volumeMode ??= "Filesystem";
  canonicalizeMilliList(spec.capacity);
  defaultSharedSources(spec);
}
