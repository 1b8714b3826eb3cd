// Made by scripts/generate-types.ts from the Kubernetes 1.36 OpenAPI document. Do not edit.
import type { ListMeta, ObjectMeta } from "./meta.v1.ts";

export interface VolumeAttributesClass {
  apiVersion?: string;
  driverName: string;
  kind?: string;
  metadata?: ObjectMeta;
  parameters?: Record<string, string>;
}

export interface VolumeAttributesClassList {
  apiVersion?: string;
  items: VolumeAttributesClass[];
  kind?: string;
  metadata?: ListMeta;
}
