import assert from "node:assert/strict";
import { test } from "node:test";
import { resourceDefinition } from "../api/resources/index.ts";
import { builtInCatalogue } from "./resource-catalogue.ts";
import { ServedResource } from "./served-resource.ts";

const open = () => {
  throw new Error("nothing is opened here");
};
const resource = (group: string, version: string, plural: string, isStorageVersion = true) => {
  const type = { group, version, resource: plural, kind: "Kind", namespaced: true };
  const definition = { type, singular: "kind" };
  return new ServedResource({ type, definition, isStorageVersion, verbs: ["get"], subresources: [], open });
};

test("resources come and go by their owner, in groups sorted by name and versions by precedence", () => {
  const catalogue = builtInCatalogue(resourceDefinition, open);
  const before = catalogue.generation;
  const builtIn = catalogue.groups.map(({ group }) => group);
  catalogue.put("widgets", [
    resource("b.example.com", "v1beta1", "widgets", false),
    resource("b.example.com", "v1", "widgets"),
  ]);
  catalogue.put("gadgets", [resource("a.example.com", "v1", "gadgets")]);
  assert.notEqual(catalogue.generation, before);
  assert.deepEqual(
    catalogue.groups.slice(builtIn.length).map(({ group, versions }) => [group, versions]),
    [
      ["a.example.com", ["v1"]],
      ["b.example.com", ["v1", "v1beta1"]],
    ],
  );
  assert.equal(catalogue.stored({ group: "b.example.com", resource: "widgets" })?.type.version, "v1");
  assert.equal(catalogue.groupVersion("b.example.com", "v1beta1")?.length, 1);

  catalogue.put("widgets", [resource("b.example.com", "v1", "widgets")]);
  assert.equal(catalogue.groupVersion("b.example.com", "v1beta1"), undefined);
  catalogue.remove("widgets");
  catalogue.remove("gadgets");
  assert.deepEqual(
    catalogue.groups.map(({ group }) => group),
    builtIn,
  );
});

test("nobody takes a path that somebody has", () => {
  const catalogue = builtInCatalogue(resourceDefinition, open);
  const deployments = catalogue.find("apps", "v1", "deployments");
  catalogue.put("crd", [resource("apps", "v1", "deployments"), resource("apps", "v1", "others")]);
  assert.equal(catalogue.find("apps", "v1", "deployments"), deployments);
  assert.equal(catalogue.find("apps", "v1", "others")?.type.resource, "others");
});
