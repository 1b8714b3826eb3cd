/**
 * Validates values against the keywords of OpenAPI v3, in the order and the words of upstream's validator (kube-openapi).
 * With a correlation, what was wrong before an update and has not changed passes.
 */
import { jsonEqual } from "../json-equal.ts";
import type { FieldError } from "../resource-definition.ts";
import { goQuote } from "../resources/field-errors.ts";
import type { Correlation } from "./correlation.ts";
import { formatOf, stringCheck } from "./formats.ts";
import { numberProblems } from "./number-validation.ts";
import { compilePattern, PatternError } from "./patterns.ts";
import { isIntOrString, isJsonObject, itemsOf, type Schema, valuesOf } from "./structural.ts";
import { fieldErrors, type Problem, problem } from "./value-problem.ts";

/** The problems of a value; `path` is where it stands (`status`, or empty for the whole object). */
export function validateValue(
  value: unknown,
  schema: Schema,
  options: { path?: string; correlation?: Correlation } = {},
): FieldError[] {
  const { path = "", correlation } = options;
  const result = validateCorrelated(value, schema, "", correlation);
  return fieldErrors(result.problems, path);
}

/** What is wrong, and how much was looked at: of several alternatives that fail, the one that got furthest is reported. */
class Result {
  readonly problems: Problem[] = [];
  count = 0;

  get isValid(): boolean {
    return this.problems.length === 0;
  }

  add(found: Problem): void {
    if (!this.problems.some(({ message }) => message === found.message)) this.problems.push(found);
  }

  merge(other: Result): void {
    for (const one of other.problems) this.add(one);
    this.count += other.count;
  }
}

/** What has not changed since the update before is not held against the object now. */
function validateCorrelated(value: unknown, schema: Schema, path: string, correlation?: Correlation): Result {
  const result = validate(value, schema, path, correlation);
  if (result.isValid || !correlation?.isEqual) return result;
  const passed = new Result();
  passed.count = result.count;
  return passed;
}

function validate(value: unknown, schema: Schema, path: string, correlation: Correlation | undefined): Result {
  const result = new Result();
  const types = typesOf(schema);
  const format = formatOf(schema);
  if (value === null || value === undefined) {
    if (types.length > 0 && !schema.nullable) result.add(wrongType(path, types.join(","), "null"));
    else result.count++;
    validateEnum(null, schema, path, result);
    return result;
  }
  if (types.length > 0 || format !== "") {
    const found = typeProblem(value, types, format, path);
    if (found) result.add(found);
    else result.count++;
    result.count++;
  }
  validateConnectives(value, schema, path, correlation, result);
  if (typeof value === "string") validateString(value, schema, format, path, result);
  else if (typeof value === "number") {
    for (const one of numberProblems(value, schema, format, path)) result.add(one);
    result.count += 2;
  } else if (Array.isArray(value)) validateList(value, schema, path, correlation, result);
  validateEnum(value, schema, path, result);
  result.count++;
  if (isJsonObject(value)) validateObject(value, schema, path, correlation, result);
  result.count++;
  return result;
}

const typesOf = (schema: Schema): string[] => {
  if (isIntOrString(schema)) return ["integer", "string"];
  return schema.type ? [schema.type] : [];
};

const wrongType = (path: string, wanted: string, found: string): Problem =>
  problem("type", path, `must be of type ${wanted}: ${goQuote(found)}`, found);

function typeProblem(value: unknown, types: readonly string[], format: string, path: string): Problem | undefined {
  const isText = typeof value === "string" || Array.isArray(value);
  const [found, foundFormat] = typeOfValue(value);
  const isWhole = found === "integer" && (types.includes("integer") || types.includes("number"));
  if (!isText && format !== "" && !types.includes(found) && foundFormat !== format && !isWhole) {
    return wrongType(path, format, foundFormat);
  }
  // Texts (and lists) with a format are looked at by it.
  if (isText && format !== "" && !types.includes("number") && !types.includes("integer")) return undefined;
  if (types.includes(found) || isWhole) return undefined;
  return wrongType(path, types.join(","), found);
}

function typeOfValue(value: unknown): [type: string, format: string] {
  switch (typeof value) {
    case "boolean":
      return ["boolean", ""];
    case "string":
      return ["string", ""];
    case "number":
      return Number.isInteger(value) ? ["integer", "int64"] : ["number", "float64"];
    default:
      return [Array.isArray(value) ? "array" : "object", ""];
  }
}

function validateConnectives(
  value: unknown,
  schema: Schema,
  path: string,
  correlation: Correlation | undefined,
  result: Result,
): void {
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const place = goQuote(path);
  if (anyOf.length > 0) {
    const { best, valid } = tryAll(value, anyOf, path, correlation, true);
    if (valid === 0) result.add(problem("plain", "", `${place} must validate at least one schema (anyOf)`));
    if (best) result.merge(best);
  }
  if (oneOf.length > 0) {
    const { best, valid } = tryAll(value, oneOf, path, correlation, false);
    if (valid !== 1) {
      const detail = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
      result.add(problem("plain", "", `${place} must validate one and only one schema (oneOf). ${detail}`));
    }
    if (best && valid < 2) result.merge(best);
  }
  if (allOf.length > 0) {
    let valid = 0;
    for (const one of allOf) {
      const inner = validate(value, one, path, correlation);
      if (inner.isValid) valid++;
      result.merge(inner);
    }
    if (valid < allOf.length) {
      const detail = valid === 0 ? ". None validated" : "";
      result.add(problem("plain", "", `${place} must validate all the schemas (allOf)${detail}`));
    }
  }
  if (not && validate(value, not, path, correlation).isValid) {
    result.add(problem("plain", "", `${place} must not validate the schema (not)`));
  }
  result.count += 2;
}

/** How many alternatives fit, and the first that does, or else the one that got furthest. */
function tryAll(
  value: unknown,
  alternatives: readonly Schema[],
  path: string,
  correlation: Correlation | undefined,
  stopAtFirst: boolean,
): { best: Result | undefined; valid: number } {
  let best: Result | undefined;
  let valid = 0;
  for (const one of alternatives) {
    const inner = validate(value, one, path, correlation);
    if (inner.isValid) {
      if (valid++ === 0) best = inner;
      if (stopAtFirst) break;
    } else if (valid === 0 && (!best || inner.count > best.count)) best = inner;
  }
  return { best, valid };
}

function validateString(value: string, schema: Schema, format: string, path: string, result: Result): void {
  const found = stringProblem(value, schema, path);
  if (found) result.add(found);
  result.count++;
  const check = format === "" ? undefined : stringCheck(format);
  if (!check) return;
  if (!check(value)) {
    result.add(problem("type", path, `must be of type ${schema.format}: ${goQuote(value)}`, value));
  }
  result.count++;
}

/** Only the first thing that is wrong with the text is told. */
function stringProblem(value: string, schema: Schema, path: string): Problem | undefined {
  const { maxLength, minLength, pattern } = schema;
  if (maxLength !== undefined && lengthOf(value) > maxLength) {
    return problem("tooLong", path, `should be at most ${maxLength} chars long`, value, maxLength);
  }
  if (minLength !== undefined && lengthOf(value) < minLength) {
    return problem("invalid", path, `should be at least ${minLength} chars long`, value);
  }
  if (!pattern) return undefined;
  try {
    if (compilePattern(pattern).matches(value)) return undefined;
    return problem("invalid", path, `should match '${pattern}'`, value);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return problem("invalid", path, `should match '${pattern}, but pattern is invalid: ${error.message}'`, value);
  }
}

/** In characters, not in UTF-16 units. */
function lengthOf(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length - 1; index++) {
    const code = text.charCodeAt(index);
    if (code >= 0xd800 && code < 0xdc00) {
      length--;
      index++;
    }
  }
  return length;
}

function validateEnum(value: unknown, schema: Schema, path: string, result: Result): void {
  const allowed = schema.enum ?? [];
  if (allowed.length === 0) return;
  // As upstream, null is never one of the values, also where it is listed.
  if (value !== null && allowed.some((one) => jsonEqual(one, value))) return;
  result.add({ ...problem("enum", path, `should be one of ${JSON.stringify(allowed)}`, value), allowed });
}

function validateList(
  value: readonly unknown[],
  schema: Schema,
  path: string,
  correlation: Correlation | undefined,
  result: Result,
): void {
  const { minItems, maxItems, uniqueItems } = schema;
  const items = itemsOf(schema);
  if (items) {
    value.forEach((item, index) => {
      result.merge(validateCorrelated(item, items, `${path}[${index}]`, correlation?.index(index)));
    });
  }
  const size = value.length;
  if (minItems !== undefined && size < minItems) {
    result.add(problem("invalid", path, `should have at least ${minItems} items`, size));
  }
  if (maxItems !== undefined && size > maxItems) {
    result.add(problem("tooMany", path, `should have at most ${maxItems} items`, size, maxItems));
  }
  if (uniqueItems && value.some((item, index) => value.slice(0, index).some((other) => jsonEqual(item, other)))) {
    result.add(problem("invalid", path, "shouldn't contain duplicates"));
  }
  result.count += 2;
}

function validateObject(
  value: Record<string, unknown>,
  schema: Schema,
  path: string,
  correlation: Correlation | undefined,
  result: Result,
): void {
  const { minProperties, maxProperties, properties = {}, required = [], additionalProperties } = schema;
  const keys = Object.keys(value);
  if (minProperties !== undefined && keys.length < minProperties) {
    result.add(problem("invalid", path, `should have at least ${minProperties} properties`, keys.length));
  }
  if (maxProperties !== undefined && keys.length > maxProperties) {
    result.add(problem("tooMany", path, `should have at most ${maxProperties} properties`, keys.length, maxProperties));
  }
  const below = (name: string, inner: Schema, innerPath: string) => {
    // The kind and the version are the same before and after, whatever was stored.
    const isFixed = path === "" && (name === "kind" || name === "apiVersion");
    result.merge(validateCorrelated(value[name], inner, innerPath, isFixed ? undefined : correlation?.key(name)));
  };
  const others = keys.filter((key) => !Object.hasOwn(properties, key));
  const values = valuesOf(schema);
  for (const key of others) {
    if (additionalProperties === false) {
      result.add({ ...problem("invalid", path, "", key), message: `${path}.${key} in body is a forbidden property` });
    } else if (values) below(key, values, `${path}.${key}`);
  }
  for (const name in properties) {
    if (Object.hasOwn(value, name)) below(name, properties[name]!, path === "" ? name : `${path}.${name}`);
  }
  for (const name of required) {
    if (!Object.hasOwn(value, name)) result.add(problem("required", `${path}.${name}`, "is required"));
  }
}
