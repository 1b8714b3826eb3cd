import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gatherDescriptions } from "../../../scripts/descriptions.ts";
import { servedResources } from "../../api/schema/served-resources.ts";
import { Descriptions } from "./descriptions.ts";
import { documentV3, partsOf } from "./documents.ts";

/** Part → digest of the structure of upstream's document, as published with v1.36.3. */
const upstream: Record<string, string> = JSON.parse(
  readFileSync(join(import.meta.dirname, "upstream-v3.fixture.json"), "utf8"),
);
/** What is not served as an API here, or not described. */
const ELSEWHERE = [".well-known/openid-configuration", "logs", "openid/v1/jwks"];

/** Without texts; without enums, which the published documents were made without; and without CBOR, which is off. */
function structure(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(structure);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, member]) =>
      !(key === "description" && typeof member === "string") &&
      !(key === "enum" && Array.isArray(member)) &&
      !/cbor(-seq)?$/.test(key),
  );
  return Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, member]) => [key, structure(member)]));
}

test("every part of OpenAPI v3 has the structure of upstream's", () => {
  const descriptions = new Descriptions(gatherDescriptions(join(import.meta.dirname, "../../../node_modules")));
  const parts = partsOf(servedResources(true));
  assert.deepEqual(
    Object.keys(upstream).filter((name) => !parts.has(name)),
    ELSEWHERE,
  );
  const different = [...parts].filter(([name, items]) => {
    // What upstream describes is wrapped, which is seen in the structure.
    const document = JSON.parse(JSON.stringify(documentV3(items, descriptions)));
    const text = JSON.stringify(structure(document));
    return createHash("sha256").update(text).digest("hex").slice(0, 12) !== upstream[name];
  });
  assert.deepEqual(
    different.map(([name]) => name),
    [],
  );
});
