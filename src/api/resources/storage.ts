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

export const storageClass = define<StorageClass>({
  type: storageClasses,
  singular: "storageclass",
  shortNames: ["sc"],
});

export const volumeAttachment = define<VolumeAttachment>({
  type: volumeAttachments,
  singular: "volumeattachment",
  hasStatus: true,
  generation: false,
  unconditionalUpdate: false,
});

export const csiDriver = define<CSIDriver>({
  type: csiDrivers,
  singular: "csidriver",
  unconditionalUpdate: false,
});

export const csiNode = define<CSINode>({ type: csiNodes, singular: "csinode", unconditionalUpdate: false });

export const csiStorageCapacity = define<CSIStorageCapacity>({
  type: csiStorageCapacities,
  singular: "csistoragecapacity",
  unconditionalUpdate: false,
});

export const volumeAttributesClass = define<VolumeAttributesClass>({
  type: volumeAttributesClasses,
  singular: "volumeattributesclass",
  shortNames: ["vac"],
});
