// Made by scripts/generate-types.ts from the Kubernetes 1.36 OpenAPI document. Do not edit.
import type { ListMeta, ObjectMeta } from "./meta.v1.ts";

export interface ClusterTrustBundle {
  apiVersion?: string;
  kind?: string;
  metadata?: ObjectMeta;
  spec: ClusterTrustBundleSpec;
}

export interface ClusterTrustBundleList {
  apiVersion?: string;
  items: ClusterTrustBundle[];
  kind?: string;
  metadata?: ListMeta;
}

export interface ClusterTrustBundleSpec {
  signerName?: string;
  trustBundle: string;
}
