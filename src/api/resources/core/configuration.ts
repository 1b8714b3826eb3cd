import { jsonEqual } from "../../json-equal.ts";
import { checkConfigKey } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { configMaps, secrets } from "../../resource-types.ts";
import type { ConfigMap, Secret } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at, child, forbidden, invalid, required, tooLong } from "../field-errors.ts";
import { addProblems, IMMUTABLE } from "../value-checks.ts";

/** How upstream spells a path that names nothing. */
const WHOLE = "[]";

export const configMap = define<ConfigMap>({
  type: configMaps,
  singular: "configmap",
  shortNames: ["cm"],
  validate({ data, binaryData }) {
    const errors: FieldError[] = [];
    let bytes = validateKeys(data, "data", errors, Buffer.byteLength);
    for (const key in data) {
      if (binaryData?.[key] === undefined) continue;
      errors.push(invalid(at("data", key), key, "duplicate of key present in binaryData"));
    }
    bytes += validateKeys(binaryData, "binaryData", errors, base64Length);
    if (bytes > MOST_BYTES) errors.push(tooLong(WHOLE, MOST_BYTES));
    return errors;
  },
  validateUpdate: (map, old) => validateSealed(map, old, ["data", "binaryData"]),
  columns: [
    nameColumn,
    column("Data", "How many keys there are.", ({ data, binaryData }) => size(data) + size(binaryData)),
    ageColumn,
  ],
});

export const secret = define<Secret>({
  type: secrets,
  singular: "secret",
  validate(secret) {
    const errors: FieldError[] = [];
    const bytes = validateKeys(secret.data, "data", errors, base64Length);
    if (bytes > MOST_BYTES) errors.push(tooLong("data", MOST_BYTES));
    validateType(secret, errors);
    return errors;
  },
  validateUpdate(secret, old) {
    const errors = validateSealed(secret, old, ["data"]);
    if (secret.type !== old.type) errors.unshift(invalid("type", secret.type ?? "", IMMUTABLE));
    return errors;
  },
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

/** What fits into one object: 1 MiB. */
const MOST_BYTES = 1024 * 1024;

/** Checks the keys of a map of data; returns the size of its values. */
function validateKeys(
  data: Record<string, string> | undefined,
  path: string,
  errors: FieldError[],
  sizeOf: (value: string) => number,
): number {
  let bytes = 0;
  for (const key in data) {
    addProblems(checkConfigKey(key), at(path, key), key, errors);
    bytes += sizeOf(data[key] ?? "");
  }
  return bytes;
}

function base64Length(text: string): number {
  return Buffer.byteLength(text, "base64");
}

/** What was declared immutable stays, and stays immutable. */
function validateSealed<T extends { immutable?: boolean }>(object: T, old: T, fields: readonly (keyof T & string)[]) {
  if (!old.immutable) return [];
  const errors: FieldError[] = [];
  const detail = "field is immutable when `immutable` is set";
  if (!object.immutable) errors.push(forbidden("immutable", detail));
  for (const field of fields) {
    if (!jsonEqual(object[field] ?? {}, old[field] ?? {})) errors.push(forbidden(field, detail));
  }
  return errors;
}

/** Keys that a secret of a type must have; of the last one of them is enough. */
function validateType({ type, data = {}, metadata }: Secret, errors: FieldError[]): void {
  const need = (key: string) => {
    if (data[key] === undefined) errors.push(required(at("data", key)));
  };
  switch (type) {
    case "kubernetes.io/service-account-token": {
      const annotation = "kubernetes.io/service-account.name";
      if (!metadata?.annotations?.[annotation]) errors.push(required(at("metadata.annotations", annotation)));
      break;
    }
    case "kubernetes.io/dockercfg":
      validateJson(data, ".dockercfg", errors);
      break;
    case "kubernetes.io/dockerconfigjson":
      validateJson(data, ".dockerconfigjson", errors);
      break;
    case "kubernetes.io/basic-auth":
      if (data.username !== undefined || data.password !== undefined) break;
      need("username");
      need("password");
      break;
    case "kubernetes.io/ssh-auth":
      if (!data["ssh-privatekey"]) errors.push(required(at("data", "ssh-privatekey")));
      break;
    case "kubernetes.io/tls":
      need("tls.crt");
      need("tls.key");
      break;
  }
}

function validateJson(data: Record<string, string>, key: string, errors: FieldError[]): void {
  const field = child("data");
  if (data[key] === undefined) {
    errors.push(required(at(field, key)));
    return;
  }
  try {
    const value: unknown = JSON.parse(Buffer.from(data[key], "base64").toString("utf8"));
    if (typeof value === "object" && !Array.isArray(value)) return;
    const detail = "json: cannot unmarshal into Go value of type map[string]interface {}";
    errors.push(invalid(at(field, key), "<secret contents redacted>", detail));
  } catch {
    errors.push(invalid(at(field, key), "<secret contents redacted>", "invalid JSON"));
  }
}
