import { JsonSyntaxError, parseJson } from "../codec/json-text.ts";
import type { UnknownObject } from "../object.ts";
import { isObject } from "../patch/go-format.ts";
import { badRequest } from "../status-error.ts";

export interface Configuration {
  readonly applied: UnknownObject;
  /** What is wrong with the text by strict rules (keys written twice): 400 for Strict, a warning for Warn. */
  readonly strictError: string | undefined;
}

/** Reads the body of an `application/apply-patch+yaml` request, which is YAML or JSON. Throws a StatusError (400). */
export async function parseConfiguration(body: Uint8Array): Promise<Configuration> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  const { value, repeated } = await parse(text);
  if (value !== null && !isObject(value)) {
    const found = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${found} into Go value of type map[string]interface {}`,
    );
  }
  const strictError = repeated.length > 0 ? `error converting YAML to JSON: ${repeated.join(", ")}` : undefined;
  return { applied: (value ?? {}) as UnknownObject, strictError };
}

async function parse(text: string): Promise<{ value: unknown; repeated: readonly string[] }> {
  if (text.trimStart().startsWith("{")) {
    // Most clients send JSON. What is not quite JSON may still be YAML, and so may what has keys written twice.
    try {
      const { value, writtenKeys } = parseJson(text, true);
      if (!writtenKeys) return { value, repeated: [] };
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
    }
  }
  const { parseYaml, YamlError } = await import("../codec/yaml.ts");
  try {
    return parseYaml(text);
  } catch (error) {
    if (error instanceof YamlError) {
      throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
    }
    throw error;
  }
}
