import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { resourceDefinition } from "../../api/resources/index.ts";
import { builtInCatalogue } from "../resource-catalogue.ts";
import { groupDiscoveryList } from "./aggregated.ts";

/** Group → digest of upstream's entry in aggregated discovery, as published with v1.36.3, with all versions served. */
const upstream: Record<string, string> = JSON.parse(
  readFileSync(join(import.meta.dirname, "upstream-discovery.fixture.json"), "utf8"),
);
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, member]) => [key, sorted(member)]));
}

test("discovery names the resources of every group as upstream does", () => {
  const catalogue = builtInCatalogue(
    resourceDefinition,
    () => {
      throw new Error("nothing is opened for this");
    },
    () => true,
  );
  const groups = catalogue.groups.filter(({ group }) => group !== "");
  const { items } = JSON.parse(
    JSON.stringify(groupDiscoveryList(catalogue, { remote: () => undefined }, groups, "v2")),
  );
  const found = (items as { metadata: { name: string } }[]).map((item): [string, string] => {
    const text = JSON.stringify(sorted(item));
    return [item.metadata.name, createHash("sha256").update(text).digest("hex").slice(0, 12)];
  });
  assert.deepEqual(found.map(([group]) => group).sort(), Object.keys(upstream).sort());
  assert.deepEqual(
    found.filter(([group, digest]) => upstream[group] !== digest).map(([group]) => group),
    [],
  );
});
