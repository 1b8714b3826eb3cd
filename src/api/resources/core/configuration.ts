import { configMaps, secrets } from "../../resource-types.ts";
import type { ConfigMap, Secret } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";

export const configMap = define<ConfigMap>({
  type: configMaps,
  singular: "configmap",
  shortNames: ["cm"],
  columns: [
    nameColumn,
    column("Data", "How many keys there are.", ({ data, binaryData }) => size(data) + size(binaryData)),
    ageColumn,
  ],
});

export const secret = define<Secret>({
  type: secrets,
  singular: "secret",
  columns: [
    nameColumn,
    column("Type", "What the data is for.", (secret) => secret.type ?? ""),
    column("Data", "How many keys there are.", (secret) => size(secret.data)),
    ageColumn,
  ],
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

function size(data: Record<string, string> | undefined): number {
  return data ? Object.keys(data).length : 0;
}
