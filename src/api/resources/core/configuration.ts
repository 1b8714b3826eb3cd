import { configMaps, secrets } from "../../resource-types.ts";
import type { ConfigMap, Secret } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const configMap = define<ConfigMap>({
  type: configMaps,
  singular: "configmap",
  shortNames: ["cm"],
});

export const secret = define<Secret>({
  type: secrets,
  singular: "secret",
  selectableFields: { type: (secret) => secret.type ?? "" },
});
