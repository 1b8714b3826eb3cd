import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeDocuments } from "./merge.ts";

const KINDS = "x-kubernetes-group-version-kind";
const ref = (name: string) => ({ $ref: `#/definitions/${name}` });

test("paths of another server come with what they refer to, and nothing else", () => {
  const own = { paths: { "/api/v1/": {} }, definitions: { Meta: { type: "object" } } };
  const document = {
    paths: { "/apis/g/v1/things": { get: ref("Thing") }, "/apis/other/v1/x": { get: ref("Other") }, "/version/": {} },
    definitions: { Thing: { properties: { meta: ref("Meta") } }, Meta: { type: "object" }, Other: { type: "string" } },
  };
  assert.deepEqual(mergeDocuments(own, [{ prefix: "/apis/g/v1/", document }]), {
    paths: { "/api/v1/": {}, "/apis/g/v1/things": { get: ref("Thing") } },
    definitions: { Meta: { type: "object" }, Thing: { properties: { meta: ref("Meta") } } },
    parameters: {},
  });
  assert.deepEqual(own.definitions, { Meta: { type: "object" } });
});

test("a definition that is another one here gets a name of its own, and is referred to by it", () => {
  const own = { paths: {}, definitions: { Meta: { type: "object", properties: { a: { type: "string" } } } } };
  const document = {
    paths: { "/apis/g/v1/things": { get: ref("Thing"), parameters: [{ $ref: "#/parameters/p" }] } },
    definitions: { Thing: { properties: { meta: ref("Meta") } }, Meta: { type: "object" } },
    parameters: { p: { name: "p" } },
  };
  const merged = mergeDocuments(own, [{ prefix: "/apis/g/v1/", document }]);
  assert.deepEqual(merged["definitions"], {
    ...own.definitions,
    Thing: { properties: { meta: ref("Meta_v2") } },
    Meta_v2: { type: "object" },
  });
  assert.deepEqual(merged["parameters"], { p: { name: "p" } });
});

test("a definition that both have knows the kinds of both, whatever its description", () => {
  const kind = (group: string) => ({ group, kind: "DeleteOptions", version: "v1" });
  const own = { paths: {}, definitions: { D: { description: "ours", [KINDS]: [kind("")] } } };
  const document = {
    paths: { "/apis/g/v1/things": { delete: ref("D") } },
    definitions: { D: { description: "theirs", [KINDS]: [kind("g"), kind("")] } },
  };
  const merged = mergeDocuments(own, [{ prefix: "/apis/g/v1/", document }]);
  assert.deepEqual(merged["definitions"], { D: { description: "ours", [KINDS]: [kind(""), kind("g")] } });
});
