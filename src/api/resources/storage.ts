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
import { define } from "./define.ts";
import { canonical } from "./quantities.ts";

export const storageClass = define<StorageClass>({
  type: storageClasses,
  singular: "storageclass",
  shortNames: ["sc"],
  defaults(storageClass) {
    storageClass.reclaimPolicy ??= "Delete";
    storageClass.volumeBindingMode ??= "Immediate";
  },
});

export const volumeAttachment = define<VolumeAttachment>({
  type: volumeAttachments,
  singular: "volumeattachment",
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

export const csiNode = define<CSINode>({ type: csiNodes, singular: "csinode", unconditionalUpdate: false });

export const csiStorageCapacity = define<CSIStorageCapacity>({
  type: csiStorageCapacities,
  singular: "csistoragecapacity",
  defaults(capacity) {
    if (capacity.capacity != null) capacity.capacity = canonical(capacity.capacity);
    if (capacity.maximumVolumeSize != null) capacity.maximumVolumeSize = canonical(capacity.maximumVolumeSize);
  },
  unconditionalUpdate: false,
});

export const volumeAttributesClass = define<VolumeAttributesClass>({
  type: volumeAttributesClasses,
  singular: "volumeattributesclass",
  shortNames: ["vac"],
});
