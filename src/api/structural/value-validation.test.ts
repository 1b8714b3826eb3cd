import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Correlation } from "./correlation.ts";
import { loadPatterns } from "./patterns.ts";
import type { Schema } from "./structural.ts";
import { validateValue } from "./value-validation.ts";

before(() => loadPatterns());

const problems = (schema: Schema, value: unknown) =>
  validateValue({ a: value }, { type: "object", properties: { a: schema } }).map(
    ({ field, message }) => `${field}: ${message}`,
  );
const INT_OR_STRING: Schema = { "x-kubernetes-int-or-string": true };

for (const [name, schema, value, expected] of [
  ["a type", { type: "integer" }, "x", ['a: Invalid value: "string": a in body must be of type integer: "string"']],
  [
    "a fraction",
    { type: "integer" },
    1.5,
    [
      'a: Invalid value: "number": a in body must be of type integer: "number"',
      '<nil>: Invalid value: "": Checked value must be of type integer (default format) in a',
    ],
  ],
  ["a whole number", { type: "number" }, 1, []],
  ["null", { type: "string" }, null, ['a: Invalid value: "null": a in body must be of type string: "null"']],
  ["nullable", { type: "string", nullable: true }, null, []],
  [
    "null in an enum",
    { type: "string", nullable: true, enum: ["x"] },
    null,
    ['a: Unsupported value: null: supported values: "x"'],
  ],
  [
    "int or string",
    INT_OR_STRING,
    true,
    ['a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"'],
  ],
  ["either", INT_OR_STRING, "50%", []],
  [
    "minimum",
    { type: "integer", minimum: 2 },
    1,
    ["a: Invalid value: 1: a in body should be greater than or equal to 2"],
  ],
  [
    "exclusive maximum",
    { type: "number", maximum: 2.5, exclusiveMaximum: true },
    2.5,
    ["a: Invalid value: 2.5: a in body should be less than 2.5"],
  ],
  ["a factor", { type: "integer", multipleOf: 3 }, 4, ["a: Invalid value: 4: a in body should be a multiple of 3"]],
  ["a binary fraction", { type: "number", multipleOf: 0.1 }, 0.3, []],
  [
    "int32",
    { type: "integer", format: "int32" },
    2 ** 31,
    ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in a'],
  ],
  [
    "a short text",
    { type: "string", minLength: 2 },
    "é",
    ['a: Invalid value: "é": a in body should be at least 2 chars long'],
  ],
  ["a long text", { type: "string", maxLength: 1 }, "😀", []],
  ["too long a text", { type: "string", maxLength: 1 }, "xy", ["a: Too long: may not be more than 1 byte"]],
  [
    "a pattern",
    { type: "string", pattern: "^(?P<n>a)$" },
    "b",
    ["a: Invalid value: \"b\": a in body should match '^(?P<n>a)$'"],
  ],
  [
    "a pattern that takes backtracking for ever",
    { type: "string", pattern: "^(a+)+$" },
    `${"a".repeat(500)}!`,
    [`a: Invalid value: "${"a".repeat(500)}!": a in body should match '^(a+)+$'`],
  ],
  [
    "a format",
    { type: "string", format: "date-time" },
    "soon",
    ['a: Invalid value: "soon": a in body must be of type date-time: "soon"'],
  ],
  ["an unknown format", { type: "string", format: "odd" }, "soon", []],
  ["an enum", { type: "integer", enum: [1, 2] }, 3, ['a: Unsupported value: 3: supported values: "1", "2"']],
  [
    "few items",
    { type: "array", minItems: 1, items: {} },
    [],
    ["a: Invalid value: 0: a in body should have at least 1 items"],
  ],
  ["many items", { type: "array", maxItems: 1, items: {} }, [1, 2], ["a: Too many: 2: must have at most 1 item"]],
  [
    "unique items",
    { type: "array", uniqueItems: true, items: {} },
    [1, 1],
    ['a: Invalid value: "": a in body shouldn\'t contain duplicates'],
  ],
  [
    "an item",
    { type: "array", items: { type: "string" } },
    [1],
    ['a[0]: Invalid value: "integer": a[0] in body must be of type string: "integer"'],
  ],
  [
    "few properties",
    { type: "object", minProperties: 1 },
    {},
    ["a: Invalid value: 0: a in body should have at least 1 properties"],
  ],
  ["many properties", { type: "object", maxProperties: 0 }, { b: 1 }, ["a: Too many: 1: must have at most 0 items"]],
  ["what is required", { type: "object", required: ["b"] }, {}, ["a.b: Required value"]],
  [
    "a value of a map",
    { type: "object", additionalProperties: { type: "string" } },
    { k: 1 },
    ['a.k: Invalid value: "integer": a.k in body must be of type string: "integer"'],
  ],
  [
    "nothing more",
    { type: "object", additionalProperties: false },
    { k: 1 },
    ['a: Invalid value: "k": a.k in body is a forbidden property'],
  ],
  ["not", { not: { type: "string" } }, "x", ['<nil>: Invalid value: "": "a" must not validate the schema (not)']],
  [
    "any of",
    { anyOf: [{ minimum: 5 }, { enum: [1] }] },
    2,
    [
      '<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
      "a: Invalid value: 2: a in body should be greater than or equal to 5",
    ],
  ],
  [
    "two of one",
    { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
    3,
    ['<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [
    "all of",
    { allOf: [{ minimum: 1 }, { minimum: 5 }] },
    3,
    [
      "a: Invalid value: 3: a in body should be greater than or equal to 5",
      '<nil>: Invalid value: "": "a" must validate all the schemas (allOf)',
    ],
  ],
] as const satisfies readonly (readonly [string, Schema, unknown, readonly string[]])[]) {
  test(`validation looks at ${name}`, () => {
    assert.deepEqual(problems(schema as Schema, value), expected);
  });
}

test("what does not change passes, also in another place of a keyed list; what changes does not", () => {
  const schema: Schema = {
    type: "object",
    properties: {
      short: { type: "string", maxLength: 1 },
      list: {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: { type: "object", properties: { name: { type: "string" }, short: { type: "string", maxLength: 1 } } },
      },
    },
  };
  const old = {
    short: "long",
    list: [
      { name: "a", short: "long" },
      { name: "b", short: "long" },
    ],
  };
  const check = (value: object) =>
    validateValue(value, schema, { correlation: new Correlation(value, old, schema) }).map(({ field }) => field);
  assert.deepEqual(check({ ...old, list: old.list.toReversed() }), []);
  assert.deepEqual(check({ short: "other", list: [{ name: "c", short: "long" }, old.list[0]] }), [
    "short",
    "list[0].short",
  ]);
});
