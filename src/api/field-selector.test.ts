import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFieldSelector } from "./field-selector.ts";

test("parsing, printing, matching", () => {
  const selector = parseFieldSelector("metadata.name=web,status.phase!=Running,spec.x==a\\,b\\=c\\\\");
  assert.equal(selector.toString(), "metadata.name=web,spec.x=a\\,b\\=c\\\\,status.phase!=Running");
  const object: Record<string, string> = { "metadata.name": "web", "status.phase": "Pending", "spec.x": "a,b=c\\" };
  assert.equal(
    selector.matches((field) => object[field] ?? ""),
    true,
  );
  object["status.phase"] = "Running";
  assert.equal(
    selector.matches((field) => object[field] ?? ""),
    false,
  );
  assert.equal(selector.exactValue("metadata.name"), "web");
  assert.equal(selector.exactValue("status.phase"), undefined);
  assert.equal(parseFieldSelector("").empty, true);
  assert.equal(parseFieldSelector("a=b,").toString(), "a=b");
});

test("parse errors are upstream's", () => {
  const cases: [string, string][] = [
    ["a", "invalid selector: 'a'; can't understand 'a'"],
    ["a=b=c", "invalid field selector: unescaped character in value: 61"],
    ["a=\\x", "invalid field selector: invalid escape sequence: \\x"],
    ["a=b\\", "invalid field selector: invalid escape sequence: \\"],
  ];
  for (const [text, message] of cases) assert.throws(() => parseFieldSelector(text), { message }, text);
});
