import type { KubeObject } from "../object.ts";
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
} from "../resource-types.ts";
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from "../types/storage.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { deprecatedLabel, selectorWarnings } from "./deprecated-labels.ts";
import { at, child } from "./field-errors.ts";
import { canonical } from "./quantities.ts";
import { sameShape } from "./same-shape.ts";
import {
  validateAttachment,
  validateAttachmentCreate,
  validateAttachmentUpdate,
  validateAttributesClass,
  validateAttributesClassUpdate,
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateCsiNodeUpdate,
  validateStorageCapacity,
  validateStorageCapacityUpdate,
  validateStorageClass,
  validateStorageClassUpdate,
} from "./storage-validation.ts";

const DEFAULT_CLASS = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];
const DEFAULT_ATTRIBUTES_CLASS = ["volumeattributesclass.alpha.kubernetes.io/is-default-class"];

/** The name, marked where an annotation makes the class the default one. */
function nameWithDefault({ metadata }: KubeObject, annotations: readonly string[]): string {
  const isDefault = annotations.some((name) => metadata?.annotations?.[name] === "true");
  return isDefault ? `${metadata?.name} (default)` : (metadata?.name ?? "");
}

export const storageClass = define<StorageClass>({
  warnings({ allowedTopologies }) {
    return (allowedTopologies ?? []).flatMap(({ matchLabelExpressions }, index) =>
      (matchLabelExpressions ?? []).flatMap(({ key }, position) => {
        const message = deprecatedLabel(key);
        const path = at(child(at("allowedTopologies", index), "matchLabelExpressions"), position);
        return message ? [`${child(path, "key")}: ${key} is ${message}`] : [];
      }),
    );
  },
  type: storageClasses,
  singular: "storageclass",
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  shortNames: ["sc"],
  columns: [
    { ...nameColumn, cell: (storageClass) => nameWithDefault(storageClass, DEFAULT_CLASS) },
    column("Provisioner", "Who makes the volumes.", ({ provisioner }) => provisioner ?? ""),
    column(
      "ReclaimPolicy",
      "What becomes of a volume whose claim is gone.",
      ({ reclaimPolicy }) => reclaimPolicy ?? "Delete",
    ),
    column("VolumeBindingMode", "When a volume is made.", ({ volumeBindingMode }) => volumeBindingMode ?? "Immediate"),
    column(
      "AllowVolumeExpansion",
      "Whether volumes can grow.",
      ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    ),
    ageColumn,
  ],
  defaults(storageClass) {
    storageClass.reclaimPolicy ??= "Delete";
    storageClass.volumeBindingMode ??= "Immediate";
  },
});

export const volumeAttachment = define<VolumeAttachment>({
  type: volumeAttachments,
  singular: "volumeattachment",
  validate: validateAttachment,
  validateCreate: validateAttachmentCreate,
  validateUpdate: validateAttachmentUpdate,
  validateStatusUpdate: validateAttachment,
  columns: [
    nameColumn,
    { ...column("Attacher", "Who attaches it.", ({ spec }: VolumeAttachment) => spec?.attacher ?? ""), format: "name" },
    column("PV", "Volume to attach.", ({ spec }) => spec?.source?.persistentVolumeName ?? ""),
    column("Node", "Node to attach it to.", ({ spec }) => spec?.nodeName ?? ""),
    column("Attached", "Whether it is attached.", ({ status }) => status?.attached ?? false, "boolean"),
    ageColumn,
  ],
  prepareForCreate(attachment) {
    attachment.status = { attached: false };
  },
  hasStatus: true,
  generation: false,
  unconditionalUpdate: false,
});

export const csiDriver = define<CSIDriver>({
  type: csiDrivers,
  singular: "csidriver",
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
  columns: [
    nameColumn,
    column(
      "AttachRequired",
      "Whether volumes are attached first.",
      ({ spec }) => spec?.attachRequired ?? true,
      "boolean",
    ),
    column("PodInfoOnMount", "Whether it is told of the pod.", ({ spec }) => spec?.podInfoOnMount ?? false, "boolean"),
    column(
      "StorageCapacity",
      "Whether scheduling regards its capacity.",
      ({ spec }) => spec?.storageCapacity ?? false,
      "boolean",
    ),
    column("TokenRequests", "Audiences of the tokens it gets.", ({ spec }) =>
      spec?.tokenRequests ? spec.tokenRequests.map(({ audience }) => audience).join(",") : "<unset>",
    ),
    column(
      "RequiresRepublish",
      "Whether volumes are published again from time to time.",
      ({ spec }) => spec?.requiresRepublish ?? false,
      "boolean",
    ),
    column("Modes", "Kinds of volumes it offers.", ({ spec }) => spec?.volumeLifecycleModes?.join(",") || "<none>"),
    ageColumn,
  ],
  defaults(driver) {
    driver.spec ??= {};
    const { spec } = driver;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= "ReadWriteOnceWithFSType";
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ["Persistent"];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  generation: true,
  unconditionalUpdate: false,
});

export const csiNode = define<CSINode>({
  type: csiNodes,
  singular: "csinode",
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
  columns: [
    nameColumn,
    column("Drivers", "How many CSI drivers the node has.", ({ spec }) => spec?.drivers?.length ?? 0, "integer"),
    ageColumn,
  ],
  unconditionalUpdate: false,
});

export const csiStorageCapacity = define<CSIStorageCapacity>({
  warnings: ({ nodeTopology }) => selectorWarnings(nodeTopology, "nodeTopology"),
  type: csiStorageCapacities,
  singular: "csistoragecapacity",
  validate: validateStorageCapacity,
  validateUpdate: validateStorageCapacityUpdate,
  columns: [
    nameColumn,
    column("StorageClassName", "StorageClass that it is of.", ({ storageClassName }) => storageClassName ?? ""),
    column("Capacity", "How much is left.", ({ capacity }) => capacity ?? "<unset>"),
  ],
  defaults(capacity) {
    if (capacity.capacity != null) capacity.capacity = canonical(capacity.capacity);
    if (capacity.maximumVolumeSize != null) capacity.maximumVolumeSize = canonical(capacity.maximumVolumeSize);
  },
  unconditionalUpdate: false,
});

export const volumeAttributesClass = define<VolumeAttributesClass>({
  conversions: { v1beta1: sameShape("storage.k8s.io", "v1beta1", "v1") },
  type: volumeAttributesClasses,
  singular: "volumeattributesclass",
  validate: validateAttributesClass,
  validateUpdate: validateAttributesClassUpdate,
  shortNames: ["vac"],
  columns: [
    { ...nameColumn, cell: (attributesClass) => nameWithDefault(attributesClass, DEFAULT_ATTRIBUTES_CLASS) },
    column("DriverName", "CSI driver that it is for.", ({ driverName }) => driverName ?? ""),
    ageColumn,
  ],
});
