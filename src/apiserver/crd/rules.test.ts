import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JSONSchemaProps, ValidationRule } from "../../api/types/apiextensions.v1.ts";
import { send, testServer } from "../server.fixture.ts";
import type { ApiServer } from "../server.ts";
import { establish, GROUP, widgetDefinition } from "./crd.fixture.ts";

interface Status {
  message: string;
  details?: { causes?: { reason: string; message: string; field: string }[] };
}

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MERGE = { headers: { "content-type": "application/merge-patch+json" } };

const withRules = (properties: Record<string, JSONSchemaProps>, ...rules: ValidationRule[]): JSONSchemaProps => ({
  type: "object",
  properties: { spec: { type: "object", properties, "x-kubernetes-validations": rules } },
});

describe("validation rules", () => {
  let server: ApiServer;
  let count = 0;
  before(async () => {
    server = testServer();
    await server.ready;
    await send(server, "POST", "/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "default" },
    });
  });
  after(() => server.close());

  /** Serves a kind of its own by this schema, and returns how its objects are written. */
  const kind = async (schema: JSONSchemaProps, version: object = {}) => {
    const number = ++count;
    const [plural, kind] = [`rules${number}s`, `Rule${number}`];
    await establish(server, widgetDefinition(schema, { plural, kind, version }));
    const path = `/apis/${GROUP}/v1/namespaces/default/${plural}`;
    const object = (spec: unknown) => ({ apiVersion: `${GROUP}/v1`, kind, metadata: { name: "a" }, spec });
    return {
      create: (spec: unknown) => send<Status>(server, "POST", path, object(spec)),
      patch: (spec: unknown, below = "") => send<Status>(server, "PATCH", `${path}/a${below}`, { spec }, MERGE),
    };
  };
  const causes = (answer: { json: Status }) =>
    answer.json.details?.causes?.map(({ field, message }) => `${field}: ${message}`);
  const refused = async (schema: JSONSchemaProps) => {
    const answer = await send<Status>(
      server,
      "POST",
      DEFINITIONS,
      widgetDefinition(schema, { plural: "nos", kind: "No" }),
    );
    assert.equal(answer.status, 422);
    return causes(answer);
  };

  test("see the value, and tell with their message, expression, reason and path", async () => {
    const numbers = { min: { type: "integer" }, max: { type: "integer" } };
    const { create } = await kind(
      withRules(
        numbers,
        { rule: "self.min <= self.max", message: "min must not be above max" },
        {
          rule: "self.max < 100",
          messageExpression: "self.max > 150 ? 'max is far too large' : 'max is too large'",
          fieldPath: ".max",
        },
        { rule: "self.min >= 0", reason: "FieldValueForbidden", fieldPath: ".min" },
        { rule: "has(self.max)" },
      ),
    );
    assert.equal((await create({ min: 1, max: 2 })).status, 201);
    assert.deepEqual(causes(await create({ min: -1, max: 200 })), [
      "spec.max: Invalid value: max is far too large",
      "spec.min: Forbidden: failed rule: self.min >= 0",
    ]);
    assert.deepEqual(causes(await create({ min: 3, max: 2 })), ["spec: Invalid value: min must not be above max"]);
  });

  test("compare with what was before, also through keyed lists", async () => {
    const item: JSONSchemaProps = {
      type: "object",
      required: ["name"],
      properties: { name: { type: "string", maxLength: 10 }, size: { type: "integer" } },
      "x-kubernetes-validations": [{ rule: "self.size >= oldSelf.size", message: "size must not shrink" }],
    };
    const list: JSONSchemaProps = {
      type: "array",
      maxItems: 10,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: item,
    };
    const frozen: JSONSchemaProps = {
      type: "string",
      "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "is immutable" }],
    };
    const once: JSONSchemaProps = {
      type: "string",
      "x-kubernetes-validations": [
        { rule: "oldSelf.hasValue() || self == 'first'", optionalOldSelf: true, message: "must begin with first" },
      ],
    };
    const { create, patch } = await kind(withRules({ list, frozen, once }));
    assert.deepEqual(causes(await create({ once: "second" })), [
      'spec.once: Invalid value: "second": must begin with first',
    ]);
    const before = {
      once: "first",
      frozen: "x",
      list: [
        { name: "a", size: 2 },
        { name: "b", size: 2 },
      ],
    };
    assert.equal((await create(before)).status, 201);
    assert.deepEqual(
      causes(
        await patch({
          frozen: "y",
          list: [
            { name: "b", size: 1 },
            { name: "a", size: 3 },
          ],
        }),
      ),
      ['spec.frozen: Invalid value: "y": is immutable', "spec.list[0]: Invalid value: size must not shrink"].toSorted(
        (a, b) =>
          a.startsWith("spec.frozen") === b.startsWith("spec.frozen") ? 0 : a.startsWith("spec.frozen") ? -1 : 1,
      ),
    );
    assert.equal((await patch({ once: "second" })).status, 200);
  });

  test("that do not compile are refused with their definition, where they stand", async () => {
    const found = await refused(withRules({ a: { type: "string" } }, { rule: "self.b == 1" }));
    assert.equal(found?.length, 1);
    assert.match(
      found![0]!,
      /^spec\.validation\.openAPIV3Schema\.properties\[spec\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: .*compilation failed: ERROR: <input>:1:5: undefined field 'b'/s,
    );
    const text = await refused(withRules({ a: { type: "string" } }, { rule: "self.a" }));
    assert.match(text![0]!, /cel expression must evaluate to a bool$/);
    const atomic = await refused({
      type: "object",
      properties: {
        spec: {
          type: "array",
          maxItems: 3,
          items: { type: "string", maxLength: 5, "x-kubernetes-validations": [{ rule: "self == oldSelf" }] },
        },
      },
    });
    assert.match(
      atomic![0]!,
      /oldSelf cannot be used on the uncorrelatable portion of the schema within spec\.validation\.openAPIV3Schema\.properties\[spec\]$/,
    );
  });

  test("may cost so much", async () => {
    const expensive = await refused(
      withRules(
        { list: { type: "array", items: { type: "string" } } },
        { rule: "self.list.all(a, self.list.all(b, a != b))" },
      ),
    );
    assert.match(
      expensive![0]!,
      /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x \(try/,
    );
  });

  test("are left out where the object is malformed, and let what does not change pass with a warning", async () => {
    const number = { type: "integer" };
    const { create, patch } = await kind(withRules({ a: number, b: number }, { rule: "!has(self.a) || self.a > 0" }));
    assert.deepEqual(
      causes(await create({ a: "x" }))?.at(-1),
      "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
    );
    assert.equal((await create({ a: 1 })).status, 201);
    assert.equal((await patch({ a: 0 })).status, 422);
  });

  test("defaults must pass, too", async () => {
    const found = await refused({
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: { a: { type: "integer", default: "x" }, b: { type: "object", default: { no: 1 } } },
        },
        metadata: { type: "object", properties: { name: { type: "string", pattern: "[" } } },
      },
    });
    assert.match(found!.join("\n"), /must be a valid regular expression, but isn't/);
    const defaults = await refused({
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: { a: { type: "integer", default: "x" }, b: { type: "object", default: { no: 1 } } },
        },
      },
    });
    const path = "spec.validation.openAPIV3Schema.properties[spec].properties";
    assert.deepEqual(defaults, [
      `${path}[a].default: Invalid value: "string": ${"default"} in body must be of type integer: "string"`.replace(
        "default in body",
        " in body",
      ),
      `${path}[b].default: Invalid value: {"no":1}: must not have unknown fields`,
    ]);
  });
});
