import { checkDnsLabel, checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import type { PersistentVolumeSpec, SecretReference, Volume } from "../../types/core.v1.ts";
import { at, child, forbidden, invalid, notSupported, required, tooLong } from "../field-errors.ts";
import {
  addProblems,
  rangeMessage,
  validateLabelName,
  validateOptionalEnum,
  validateSubdomain,
} from "../value-checks.ts";
import { validateLocalDescendingPath, validateNoBacksteps } from "./path-checks.ts";

/** The sources that pods and PersistentVolumes have in common; a few ask more of a PersistentVolume. */
type Source = Omit<Volume, "name"> & Omit<PersistentVolumeSpec, keyof Volume>;
/** `persistent`: of a PersistentVolume; `name`: the volume's. */
interface Setting {
  readonly persistent: boolean;
  readonly name: string;
}
type Check<S> = (source: S, path: string, errors: FieldError[], setting: Setting) => void;
type Checks = { readonly [K in keyof Source]?: Check<NonNullable<Source[K]>> };

/** Several fields that may not be empty. */
function require(source: object, names: readonly string[], path: string, errors: FieldError[]): void {
  for (const name of names) {
    const value = (source as Record<string, unknown>)[name];
    const empty = value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
    if (empty) errors.push(required(child(path, name)));
  }
}

function requireSecret(
  secret: { name?: string; namespace?: string } | undefined | null,
  withNamespace: boolean,
  path: string,
  errors: FieldError[],
): void {
  if (secret) require(secret, withNamespace ? ["name", "namespace"] : ["name"], child(path, "secretRef"), errors);
}

const PARTITION = "must be between 0 and 255, inclusive";

function partition(value: number | undefined, path: string, errors: FieldError[]): void {
  if (value !== undefined && (value < 0 || value > 255))
    errors.push(invalid(child(path, "partition"), value, PARTITION));
}

/** File modes have nine bits. */
export function validateMode(value: number | undefined | null, path: string, errors: FieldError[]): void {
  if (value != null && (value < 0 || value > 0o777)) {
    errors.push(invalid(path, value, "must be between 0 and 0777 (octal), both inclusive"));
  }
}

const HOST_PATH_TYPES = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];
const ISCSI_NAMES = [
  /^iqn\.\d{4}-\d{2}\.([a-z0-9-.]*[a-z0-9])(:[^,;*&$|\s]+)$/i,
  /^eui.[A-Fa-f0-9]{16}$/,
  /^naa.([A-Fa-f0-9]{16}|[A-Fa-f0-9]{32})$/,
];

function iscsiName(value: string, path: string, prefixDetail: string, errors: FieldError[]): void {
  if (!/^(iqn|eui|naa)/.test(value)) errors.push(invalid(path, value, prefixDetail));
  else if (!ISCSI_NAMES.some((pattern) => pattern.test(value)))
    errors.push(invalid(path, value, "must be valid format"));
}

/** The driver of a CSI volume: a subdomain in any case, of at most 63 bytes. */
export function validateCsiDriverName(name: string, path: string, errors: FieldError[]): void {
  if (name === "") errors.push(required(path));
  if (Buffer.byteLength(name) > 63) errors.push(tooLong(path, 63));
  addProblems(checkDnsSubdomain(name.toLowerCase()), path, name, errors);
}

function csiSecret(secret: SecretReference | undefined | null, path: string, errors: FieldError[]): void {
  if (!secret) return;
  if (!secret.name) errors.push(required(child(path, "name")));
  else validateSubdomain(secret.name, child(path, "name"), errors);
  if (!secret.namespace) errors.push(required(child(path, "namespace")));
  else validateLabelName(secret.namespace, child(path, "namespace"), errors);
}

export const SOURCE_CHECKS: Checks = {
  hostPath(source, path, errors) {
    if (!source.path) {
      errors.push(required(child(path, "path")));
      return;
    }
    validateNoBacksteps(source.path, child(path, "path"), errors);
    validateOptionalEnum(source.type, HOST_PATH_TYPES, child(path, "type"), errors);
  },
  gitRepo(source, path, errors) {
    require(source, ["repository"], path, errors);
    validateLocalDescendingPath(source.directory ?? "", child(path, "directory"), errors);
  },
  gcePersistentDisk(source, path, errors) {
    require(source, ["pdName"], path, errors);
    partition(source.partition, path, errors);
  },
  awsElasticBlockStore(source, path, errors) {
    require(source, ["volumeID"], path, errors);
    partition(source.partition, path, errors);
  },
  nfs(source, path, errors) {
    require(source, ["server", "path"], path, errors);
    if (!source.path?.startsWith("/")) {
      errors.push(invalid(child(path, "path"), source.path ?? "", "must be an absolute path"));
    }
  },
  iscsi(source, path, errors, { persistent, name }) {
    require(source, ["targetPortal"], path, errors);
    const form = persistent ? "must be valid format" : "must be valid format starting with iqn, eui, or naa";
    if (source.initiatorName && `${name}:${source.targetPortal}`.length > 64) {
      const detail =
        "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
      errors.push(invalid(child(path, "targetportal"), source.targetPortal, detail));
    }
    if (!source.iqn) errors.push(required(child(path, "iqn")));
    else iscsiName(source.iqn, child(path, "iqn"), form, errors);
    if (source.lun < 0 || source.lun > 255) errors.push(invalid(child(path, "lun"), source.lun, rangeMessage(0, 255)));
    if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef) {
      errors.push(required(child(path, "secretRef")));
    }
    if (persistent) requireSecret(source.secretRef, false, path, errors);
    if (source.initiatorName != null) iscsiName(source.initiatorName, child(path, "initiatorname"), form, errors);
  },
  glusterfs(source, path, errors) {
    require(source, ["endpoints", "path"], path, errors);
    const namespace = "endpointsNamespace" in source ? (source.endpointsNamespace as string | null) : undefined;
    if (namespace == null) return;
    const field = child(path, "endpointsNamespace");
    if (namespace === "") {
      errors.push(invalid(field, "", "if the endpointnamespace is set, it must be a valid namespace name"));
    } else addProblems(checkDnsLabel(namespace), field, namespace, errors);
  },
  flocker(source, path, errors) {
    if (!source.datasetName && !source.datasetUUID) {
      errors.push(required(path, "one of datasetName and datasetUUID is required"));
    }
    if (source.datasetName && source.datasetUUID) {
      errors.push(invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"));
    }
    if (source.datasetName?.includes("/")) {
      errors.push(invalid(child(path, "datasetName"), source.datasetName, "must not contain '/'"));
    }
  },
  rbd: (source, path, errors) => require(source, ["monitors", "image"], path, errors),
  cinder(source, path, errors, { persistent }) {
    require(source, ["volumeID"], path, errors);
    requireSecret(source.secretRef, persistent, path, errors);
  },
  cephfs: (source, path, errors) => require(source, ["monitors"], path, errors),
  quobyte(source, path, errors) {
    const detail = "must be a host:port pair or multiple pairs separated by commas";
    if (!source.registry) errors.push(required(child(path, "registry"), detail));
    else if ((source.tenant?.length ?? 0) >= 65) {
      errors.push(required(child(path, "tenant"), "must be a UUID and may not exceed a length of 64 characters"));
    } else if (!source.registry.split(",").every((pair) => /^(\[[^\]]*\]|[^:[\]]*):[^:]*$/.test(pair))) {
      errors.push(invalid(child(path, "registry"), source.registry, detail));
    }
    require(source, ["volume"], path, errors);
  },
  fc({ targetWWNs = [], wwids = [], lun }, path, errors) {
    if (targetWWNs.length === 0 && wwids.length === 0) {
      errors.push(required(child(path, "targetWWNs"), "must specify either targetWWNs or wwids, but not both"));
    }
    if (targetWWNs.length === 0) return;
    if (wwids.length > 0) {
      const detail = "targetWWNs and wwids can not be specified simultaneously";
      errors.push(invalid(child(path, "targetWWNs"), targetWWNs, detail));
    }
    if (lun == null) errors.push(required(child(path, "lun"), "lun is required if targetWWNs is specified"));
    else if (lun < 0 || lun > 255) errors.push(invalid(child(path, "lun"), lun, rangeMessage(0, 255)));
  },
  flexVolume(source, path, errors) {
    require(source, ["driver"], path, errors);
    for (const key in source.options) {
      const namespace = `.${key.split("/", 2)[0]!.toLowerCase()}`;
      if (!namespace.endsWith(".kubernetes.io") && !namespace.endsWith(".k8s.io")) continue;
      const detail = "kubernetes.io and k8s.io namespaces are reserved";
      errors.push(invalid(at(child(path, "options"), key), key, detail));
    }
  },
  azureFile(source, path, errors) {
    require(source, ["secretName", "shareName"], path, errors);
    if ("secretNamespace" in source && source.secretNamespace === "")
      errors.push(required(child(path, "secretNamespace")));
  },
  azureDisk(source, path, errors) {
    require(source, ["diskName", "diskURI"], path, errors);
    validateOptionalEnum(source.cachingMode, ["None", "ReadOnly", "ReadWrite"], child(path, "cachingMode"), errors);
    validateOptionalEnum(source.kind, ["Dedicated", "Managed", "Shared"], child(path, "kind"), errors);
    if (source.kind == null) return;
    const [prefix, form] =
      source.kind === "Managed"
        ? [
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
          ]
        : ["https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"];
    if (!source.diskURI?.startsWith(prefix!)) {
      errors.push(notSupported(child(path, "diskURI"), source.diskURI ?? "", [form!]));
    }
  },
  vsphereVolume: (source, path, errors) => require(source, ["volumePath"], path, errors),
  photonPersistentDisk: (source, path, errors) => require(source, ["pdID"], path, errors),
  portworxVolume: (source, path, errors) => require(source, ["volumeID"], path, errors),
  scaleIO: (source, path, errors) => require(source, ["gateway", "system", "volumeName"], path, errors),
  storageos(source, path, errors, { persistent }) {
    if (!source.volumeName) errors.push(required(child(path, "volumeName")));
    else validateLabelName(source.volumeName, child(path, "volumeName"), errors);
    if (source.volumeNamespace) validateLabelName(source.volumeNamespace, child(path, "volumeNamespace"), errors);
    requireSecret(source.secretRef, persistent, path, errors);
  },
  local(source, path, errors) {
    if (!source.path) errors.push(required(child(path, "path")));
    else validateNoBacksteps(source.path, child(path, "path"), errors);
  },
  csi(source, path, errors, { persistent }) {
    validateCsiDriverName(source.driver ?? "", child(path, "driver"), errors);
    if (!persistent) {
      const secret = source.nodePublishSecretRef;
      if (secret && !secret.name) errors.push(required(child(path, "nodePublishSecretRef", "name")));
      else if (secret) validateSubdomain(secret.name!, child(path, "name"), errors);
      return;
    }
    const volume = source as unknown as NonNullable<PersistentVolumeSpec["csi"]>;
    require(volume, ["volumeHandle"], path, errors);
    for (const name of [
      "controllerPublishSecretRef",
      "controllerExpandSecretRef",
      "nodePublishSecretRef",
      "nodeExpandSecretRef",
    ] as const) {
      csiSecret(volume[name], child(path, name), errors);
    }
  },
};

/** Names by which errors call a source that is not called so in the API. */
const CALLED: Record<string, string> = { gcePersistentDisk: "persistentDisk" };
const CALLED_WHEN_REPEATED: Record<string, string> = { cephfs: "cephFS", downwardAPI: "downwarAPI" };

/**
 * Checks the sources of a volume in the given order: there must be one, and no second. `check` looks at the one;
 * returns whether there was any.
 */
export function validateOneSource(
  source: object,
  order: readonly string[],
  path: string,
  errors: FieldError[],
  check: (name: string, path: string) => void,
): boolean {
  let found = false;
  for (const name of order) {
    if (!(source as Record<string, unknown>)[name]) continue;
    if (found) {
      const field = child(path, CALLED_WHEN_REPEATED[name] ?? name);
      errors.push(forbidden(field, "may not specify more than 1 volume type"));
      continue;
    }
    found = true;
    check(name, child(path, CALLED[name] ?? name));
  }
  if (!found) errors.push(required(path, "must specify a volume type"));
  return found;
}

/** The check of a source that pods and PersistentVolumes share. */
export function validateSharedSource(
  name: string,
  source: object,
  path: string,
  errors: FieldError[],
  setting: Setting,
): void {
  const check = SOURCE_CHECKS[name as keyof Checks] as Check<object> | undefined;
  check?.((source as Record<string, object>)[name]!, path, errors, setting);
}
