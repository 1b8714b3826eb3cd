/** What is wrong with the validation rules of a schema: whether they compile, and what they may cost at most. */
import { CelError } from "../../cel/cel-error.ts";
import type { FieldError } from "../../resource-definition.ts";
import { leastSize, ruleType } from "../../structural/rule-type.ts";
import { compileRules } from "../../structural/rules.ts";
import { isEmbedded, itemsOf, type Schema, valuesOf } from "../../structural/structural.ts";
import { at, child, forbidden, internalFieldError, invalid } from "../field-errors.ts";

/** Upstream's limits: of one rule, for all the values it may be asked of; and of all rules of a version. */
export const RULE_COST_LIMIT = 10_000_000;
export const DEFINITION_COST_LIMIT = 100_000_000;
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** The most expensive rules that are named where all together are too expensive. */
const MOST_NAMED = 4;

interface Place {
  /** How many values there can be at most; undefined: nothing bounds it but the size of a request. */
  readonly cardinality: number | undefined;
  /** The list above whose items can't be told from the ones before. */
  readonly uncorrelatable: string | undefined;
  readonly isResource: boolean;
}

/** Compiles all rules of a schema that is valid otherwise. Needs `loadCel`. */
export function validateRules(schema: Schema, path: string, errors: FieldError[]): void {
  const costs: { path: string; cost: number }[] = [];
  visit(schema, path, { cardinality: 1, uncorrelatable: undefined, isResource: true }, costs, errors);
  const total = costs.reduce((sum, { cost }) => sum + cost, 0);
  if (total <= DEFINITION_COST_LIMIT) return;
  const expensive = costs
    .filter(({ cost }) => cost >= DEFINITION_COST_LIMIT / 100)
    .sort((a, b) => b.cost - a.cost)
    .slice(0, MOST_NAMED);
  for (const rule of expensive) {
    const detail = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema";
    errors.push(forbidden(rule.path, detail));
  }
  const name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema";
  errors.push(forbidden(path, costMessage(name, total, DEFINITION_COST_LIMIT)));
}

/** Whether there is any rule in a schema. */
export function hasRules(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(hasRules);
  if (typeof schema !== "object" || schema === null) return false;
  return Object.entries(schema).some(([key, value]) => {
    if (key === "x-kubernetes-validations") return Array.isArray(value) && value.length > 0;
    return key !== "default" && key !== "enum" && hasRules(value);
  });
}

function visit(
  schema: Schema,
  path: string,
  place: Place,
  costs: { path: string; cost: number }[],
  errors: FieldError[],
): void {
  const count = factor(schema);
  const below = { ...place, cardinality: times(place.cardinality, count) };
  const values = valuesOf(schema);
  if (values) {
    visit(values, child(path, "additionalProperties"), { ...below, isResource: isEmbedded(values) }, costs, errors);
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const inside = { ...below, isResource: isEmbedded(property) };
    visit(property, at(child(path, "properties"), name), inside, costs, errors);
  }
  const items = itemsOf(schema);
  if (items) {
    const isKeyed = schema["x-kubernetes-list-type"] === "map";
    const uncorrelatable = place.uncorrelatable ?? (isKeyed ? undefined : path);
    visit(items, child(path, "items"), { ...below, uncorrelatable, isResource: isEmbedded(items) }, costs, errors);
  }
  if (schema["x-kubernetes-validations"]?.length) validateOwn(schema, path, place, costs, errors);
}

function validateOwn(
  schema: Schema,
  path: string,
  { cardinality, uncorrelatable, isResource }: Place,
  costs: { path: string; cost: number }[],
  errors: FieldError[],
): void {
  const field = child(path, "x-kubernetes-validations");
  const type = ruleType(schema, isResource);
  const compiled = compileRules(schema, isResource);
  if (!type || !compiled) {
    const detail = "internal error: failed to retrieve type information for x-kubernetes-validations";
    errors.push(internalFieldError(field, detail));
    return;
  }
  const count = cardinality ?? Math.floor(MAX_REQUEST_BYTES / (leastSize(type) + 1));
  for (const [index, { rule, program, message, usesOldSelf }] of compiled.entries()) {
    const ruleField = child(at(field, index), "rule");
    const messageField = child(at(field, index), "messageExpression");
    if (program instanceof CelError) {
      errors.push(invalid(ruleField, rule, ruleDetail(program)));
      continue;
    }
    const cost = program.estimatedCost * count;
    if (cost > RULE_COST_LIMIT) {
      errors.push(forbidden(ruleField, costMessage("estimated rule cost", cost, RULE_COST_LIMIT)));
    }
    costs.push({ path: ruleField, cost });
    if (message instanceof CelError) {
      errors.push(
        invalid(messageField, rule, `messageExpression ${ruleDetail(message).replace("cel expression ", "")}`),
      );
    } else if (message) {
      const messageCost = message.estimatedCost;
      if (messageCost > RULE_COST_LIMIT) {
        errors.push(
          forbidden(messageField, costMessage("estimated messageExpression cost", messageCost, RULE_COST_LIMIT)),
        );
      }
      costs.push({ path: messageField, cost: messageCost });
    }
    if (usesOldSelf && uncorrelatable !== undefined) {
      const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
      errors.push(invalid(ruleField, rule.rule, detail));
    }
    if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
      const detail = "may not be set if oldSelf is not used in rule";
      errors.push(invalid(child(at(field, index), "optionalOldSelf"), rule.optionalOldSelf, detail));
    }
  }
}

/** An expression of another type is told of without that type. */
function ruleDetail(error: CelError): string {
  const wrongType = /^must evaluate to (\w+)/.exec(error.message);
  if (!wrongType) return error.detail;
  return wrongType[1] === "string" ? "must evaluate to a string" : `cel expression must evaluate to a ${wrongType[1]}`;
}

/** By how much a schema multiplies what is in it. */
function factor({ type, additionalProperties, maxProperties, maxItems }: Schema): number | undefined {
  if (type === "array") return maxItems === undefined ? undefined : Math.max(0, maxItems);
  if (type !== "object" || additionalProperties === undefined) return 1;
  return maxProperties === undefined ? undefined : Math.max(0, maxProperties);
}

const times = (a: number | undefined, b: number | undefined) =>
  a === undefined || b === undefined ? undefined : a * b;

function costMessage(name: string, cost: number, limit: number): string {
  const ratio = cost / limit;
  let text = `${ratio.toFixed(1)}x`;
  if (ratio > 100) text = "more than 100x";
  else if (ratio < 1.5) text = `${ratio.toFixed(6)}x`;
  return `${name} exceeds budget by factor of ${text} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
