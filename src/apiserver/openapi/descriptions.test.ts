import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { gatherDescriptions } from "../../../scripts/descriptions.ts";
import { openApiName, struct, structNames } from "../../api/schema/schema.ts";
import { servedResources } from "../../api/schema/served-resources.ts";
import { Descriptions } from "./descriptions.ts";
import { documentV2, documentV3, partsOf } from "./documents.ts";
import { encodeDocument } from "./gnostic.ts";

const table = gatherDescriptions(join(import.meta.dirname, "../../../node_modules"));
const descriptions = new Descriptions(table);

test("the package we depend on describes every stable type and field that upstream describes", () => {
  // Upstream has no text for the fields of CustomResourceDefinitions' schemas.
  const stable = structNames().filter(
    (id) => /\.v\d+\.[^.]+$/.test(id) && !id.startsWith("apiextensions.v1.JSONSchema"),
  );
  const missing = stable.flatMap((id) => {
    const own = descriptions.ofDefinition(openApiName(id)) === "" ? [id] : [];
    const fields = [...struct(id).fields.keys()].filter((field) => descriptions.ofField(id, field) === "");
    return [...own, ...fields.map((field) => `${id}.${field}`)];
  });
  assert.deepEqual(missing, [
    "certificates.v1.CertificateSigningRequest.metadata",
    "certificates.v1.CertificateSigningRequestList.metadata",
    "networking.v1.IngressRule.http",
    "apiextensions.v1.ExternalDocumentation.description",
    "apiextensions.v1.ExternalDocumentation.url",
    "meta.v1.GroupResource",
    "meta.v1.GroupResource.group",
    "meta.v1.GroupResource.resource",
    "meta.v1.WatchEvent.type",
  ]);
});

test("both documents show them, beside references too", () => {
  const served = servedResources().filter(({ group }) => group === "apps");
  const inV3 = documentV3(partsOf(served).get("apis/apps/v1")!, descriptions) as unknown as Document3;
  const inV2 = documentV2(served, descriptions) as unknown as { definitions: Schemas };
  const name = "io.k8s.api.apps.v1.Deployment";
  for (const schemas of [inV3.components.schemas, inV2.definitions]) {
    assert.match(schemas[name]!.description!, /^Deployment enables declarative updates/);
    assert.match(schemas[name]!.properties!["spec"]!.description!, /^Specification of the desired behavior/);
    assert.match(schemas[name]!.properties!["kind"]!.description!, /^Kind is a string value/);
    assert.match(schemas["io.k8s.apimachinery.pkg.apis.meta.v1.Time"]!.description!, /^Time is a wrapper/);
  }
});

test("the protobuf form has room for them", () => {
  const served = servedResources().filter(({ group }) => group === "apps");
  const bytes = Buffer.from(encodeDocument(documentV2(served, descriptions)));
  assert.ok(bytes.includes("Deployment enables declarative updates"));
});

interface Schema {
  description?: string;
  properties?: Schemas;
}
type Schemas = Record<string, Schema>;
interface Document3 {
  components: { schemas: Schemas };
}
