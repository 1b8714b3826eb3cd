import assert from "node:assert/strict";
import { test } from "node:test";
import * as types from "../resource-types.ts";
import { resourceDefinition, resourceDefinitions } from "./index.ts";

test("every GA resource has a definition, or is served by another one's conversion", () => {
  const ga = Object.values(types).filter((type) => /^v\d+$/.test(type.version));
  const missing = ga.filter((type) => {
    const definition = resourceDefinition(type.group, type.resource);
    if (!definition) return true;
    const { group, version } = definition.type;
    if (group === type.group && version === type.version) return false;
    const conversion = definition.conversions?.[type.version];
    return conversion === undefined || (conversion.group ?? group) !== type.group;
  });
  assert.deepEqual(
    missing.map((type) => `${type.resource}.${type.version}.${type.group}`),
    [],
  );
});

test("names, short names and types are unique and consistent", () => {
  const seen = new Set<string>();
  for (const { type, singular } of resourceDefinitions) {
    const key = `${type.group}/${type.resource}`;
    assert.ok(!seen.has(key), key);
    seen.add(key);
    assert.equal(singular, type.kind.toLowerCase());
  }
  const shortNames = resourceDefinitions.flatMap((definition) => definition.shortNames ?? []);
  assert.equal(new Set(shortNames).size, shortNames.length);
});
