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
  defaults(secret) {
    secret.type ||= "Opaque";
    if (!secret.stringData) return;
    // Plain text is for writing only: it becomes data.
    secret.data ??= {};
    for (const key in secret.stringData) {
      secret.data[key] = Buffer.from(secret.stringData[key]!, "utf8").toString("base64");
    }
    delete secret.stringData;
  },
  selectableFields: { type: (secret) => secret.type ?? "" },
});
