import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfiguration } from "./configuration.ts";

const parse = (text: string) => parseConfiguration(Buffer.from(text));

test("JSON and YAML configurations", async () => {
  assert.deepEqual(await parse('{"kind":"Pod"}'), { applied: { kind: "Pod" }, strictError: undefined });
  assert.deepEqual(await parse("kind: Pod\nspec: {a: 1}\n"), {
    applied: { kind: "Pod", spec: { a: 1 } },
    strictError: undefined,
  });
  assert.deepEqual(await parse("{kind: Pod}"), { applied: { kind: "Pod" }, strictError: undefined });
  assert.deepEqual(await parse(""), { applied: {}, strictError: undefined });
  for (const text of ['{"kind":"A",\n"kind":"B"}', "kind: A\nkind: B\n"]) {
    assert.deepEqual(await parse(text), {
      applied: { kind: "B" },
      strictError: 'error converting YAML to JSON: yaml: unmarshal errors:\n  line 2: key "kind" already set in map',
    });
  }
});

test("what is neither", async () => {
  await assert.rejects(parse("a: [1"), { name: "StatusError", message: /^error decoding YAML: .*yaml: line \d/ });
  await assert.rejects(parse("[1]"), {
    name: "StatusError",
    message: /cannot unmarshal array into Go value of type map/,
  });
});
