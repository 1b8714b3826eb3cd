import { type Decoded, decodeValue, type Expected, type FieldValidation, strictMessage } from "../codec/decode.ts";
import { JsonSyntaxError, type ParsedJson, parseJson } from "../codec/json-text.ts";
import { DecodeError } from "../codec/normalize.ts";
import type { UnknownObject } from "../object.ts";
import { schemaOf } from "../schema/schema.ts";
import { badRequest, invalid, requestEntityTooLarge, StatusError, unsupportedMediaType } from "../status-error.ts";
import type { StatusDetails } from "../types/meta.v1.ts";
import { goString, isObject, type JsonObject } from "./go-format.ts";
import { JsonPatchError, jsonPatch, type Operation } from "./json-patch.ts";
import { mergePatch } from "./merge.ts";
import { StrategicPatchError, strategicMergePatch } from "./strategic.ts";

export type PatchType = "json" | "merge" | "strategic";

/** The media types of patches; server-side apply is another matter (apply/). */
export const PATCH_MEDIA_TYPES: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
};

const MOST_OPERATIONS = 10000;

/**
 * Applies the body of a PATCH request to `live`, which is in the version of `expected` and stays as it is. The result is
 * decoded like a body of its own: in upstream's form, with warnings, without unknown fields. Throws a StatusError: 400 for
 * a patch that can't be read, 422 for one that does not apply or leads to something that is not of the kind, 413 for too
 * many operations, 415 for a strategic patch of a kind without a built-in schema.
 */
export function patchObject(
  live: UnknownObject,
  body: Uint8Array,
  type: PatchType,
  expected: Expected,
  fieldValidation: FieldValidation,
): Decoded {
  const strict = fieldValidation !== "Ignore";
  const parsed = parseBody(body, type, strict);
  const { result, shown } = apply(live, parsed.value, type, expected);
  const patchErrors = strict ? repeatedFields(parsed, type) : [];
  try {
    const { object, strictErrors } = decodeValue(result, expected, { strict, converted: type === "strategic" });
    const all = [...patchErrors, ...strictErrors];
    if (all.length > 0 && fieldValidation === "Strict") throw new DecodeError(strictMessage(all));
    return { object, warnings: all };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const message = `Invalid value: ${JSON.stringify(shown())}: ${error.message}`;
    throw invalid({ kind: "" }, "", [{ reason: "FieldValueInvalid", message, field: "patch" }]);
  }
}

function parseBody(body: Uint8Array, type: PatchType, strict: boolean): ParsedJson {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  // Only where fields are validated does upstream decode the patch twice, and word the failure so.
  const prefix = type === "strategic" || !strict ? "" : "error decoding patch: ";
  let parsed: ParsedJson;
  try {
    parsed = parseJson(text, strict);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequest(prefix + error.message);
    throw error;
  }
  const { value } = parsed;
  if (type === "json" ? Array.isArray(value) : isObject(value) || value === null) return parsed;
  if (prefix === "" && type === "merge") throw badRequest("Invalid JSON Patch");
  const found = Array.isArray(value) ? "array" : isObject(value) ? "object" : typeof value;
  const wanted = type === "json" ? "[]handlers.jsonPatchOp" : "map[string]interface {}";
  throw badRequest(
    `${prefix}json: cannot unmarshal ${found === "boolean" ? "bool" : found} into Go value of type ${wanted}`,
  );
}

/** The patched document, and how a refusal shows it. */
function apply(
  live: UnknownObject,
  patch: unknown,
  type: PatchType,
  expected: Expected,
): { result: unknown; shown: () => string } {
  if (type === "json") {
    const result = applyOperations(live, patch as unknown[]);
    return { result, shown: () => JSON.stringify(result) };
  }
  const changes = (patch ?? {}) as JsonObject;
  if (type === "merge") {
    const result = mergePatch(live, changes);
    return { result, shown: () => JSON.stringify(result) };
  }
  const schema = schemaOf(expected);
  if (!schema || (expected.schema && expected.schema !== schema)) {
    throw unsupportedMediaType(
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
    );
  }
  try {
    return { result: strategicMergePatch(live, changes, schema), shown: () => goString(changes) };
  } catch (error) {
    if (!(error instanceof StrategicPatchError)) throw error;
    if (error.kind === "malformed") throw badRequest(error.message);
    throw error.kind === "unprocessable" ? unprocessable() : failure(500, "", error.message);
  }
}

function applyOperations(live: UnknownObject, list: readonly unknown[]): unknown {
  if (list.length > MOST_OPERATIONS) {
    throw requestEntityTooLarge(
      `The allowed maximum operations in a JSON patch is ${MOST_OPERATIONS}, got ${list.length}`,
    );
  }
  const operations = list.map((one): Operation => {
    const { op, path, from, value } = (isObject(one) ? one : {}) as Partial<Operation>;
    // What has no operation or no path is refused with all else that does not apply.
    if (typeof op !== "string" || typeof path !== "string") throw unprocessable();
    return { op, path, from, value };
  });
  try {
    return jsonPatch(live, operations);
  } catch (error) {
    if (error instanceof JsonPatchError) throw unprocessable();
    throw error;
  }
}

/** Upstream says nothing more about a patch that does not apply. */
const unprocessable = () =>
  failure(422, "Invalid", "the server rejected our request due to an error in our request", {});

const failure = (code: number, reason: string, message: string, details?: StatusDetails) =>
  new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    details,
    code,
  });

const OPERATION_FIELDS = new Set(["op", "path", "from", "value"]);

/** The strict errors of the patch itself: keys written twice, and unknown members of operations. */
function repeatedFields({ value, writtenKeys }: ParsedJson, type: PatchType): string[] {
  const errors: string[] = [];
  const visit = (member: unknown, path: string) => {
    if (Array.isArray(member)) member.forEach((item, index) => void visit(item, `${path}[${index}]`));
    else if (isObject(member)) {
      const written = writtenKeys?.get(member) ?? [];
      const twice = new Set(written.filter((key, index) => written.indexOf(key) !== index));
      for (const key of Object.keys(member)) {
        const inner = path === "" ? key : `${path}.${key}`;
        if (type === "json" && /^\[\d+\]$/.test(path) && !OPERATION_FIELDS.has(key)) {
          errors.push(`json patch unknown field ${JSON.stringify(inner)}`);
        } else if (twice.has(key)) {
          errors.push(`${type === "json" ? "json patch " : ""}duplicate field ${JSON.stringify(inner)}`);
        }
        visit(member[key], inner);
      }
    }
  };
  if (writtenKeys || type === "json") visit(value, "");
  return errors;
}
