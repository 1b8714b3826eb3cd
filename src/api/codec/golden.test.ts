import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { apiVersionOf, parseApiVersion, type UnknownObject } from "../object.ts";
import { schemaOf } from "../schema/schema.ts";
import { servedResources } from "../schema/served-resources.ts";
import { decode, PROTOBUF } from "./decode.ts";
import { inMemberOrder } from "./member-order.ts";
import { goldenObject } from "./protobuf/golden-object.fixture.ts";
import { decodeMessage, encodeObject, openEnvelope } from "./protobuf/protobuf.ts";

/**
 * `apiVersion kind` → digests of upstream's golden JSON (empty for kinds that exist in protobuf only) and protobuf, of
 * k8s.io/api v0.36.3.
 */
const golden: Record<string, string> = JSON.parse(
  readFileSync(join(import.meta.dirname, "golden.fixture.json"), "utf8"),
);

const digest = (text: Uint8Array | string) => createHash("sha256").update(text).digest("hex").slice(0, 12);

test("every kind is written as upstream's golden files have it, and read from them", async () => {
  for (const [key, digests] of Object.entries(golden)) {
    const [apiVersion, kind] = key.split(" ") as [string, string];
    const expected = { ...parseApiVersion(apiVersion), kind };
    const schema = schemaOf(expected);
    const made = goldenObject(apiVersion, kind) as UnknownObject;
    const object = schema ? inMemberOrder(made, schema) : made;
    const json = JSON.stringify(object, undefined, 2);
    const bytes = encodeObject(object);
    assert.equal(`${schema ? digest(json) : ""} ${digest(bytes)}`, digests, key);
    if (schema) {
      const ways = { "application/json": json, "application/yaml": JSON.stringify(made), [PROTOBUF]: bytes };
      for (const [mediaType, body] of Object.entries(ways)) {
        const decoded = await decode(Buffer.from(body), mediaType, expected, "Strict");
        assert.equal(JSON.stringify(decoded.object, undefined, 2), json, `${key} from ${mediaType}`);
      }
    } else {
      const { raw } = openEnvelope(bytes);
      assert.deepEqual(encodeObject(decodeMessage(apiVersion, kind, raw)), bytes, key);
    }
  }
});

test("the golden files cover all that is served, but for what upstream has none of", () => {
  const missing = servedResources(true)
    .map((row) => `${apiVersionOf(row)} ${row.kind}`)
    .filter((key) => !Object.hasOwn(golden, key));
  assert.deepEqual(missing, [
    "apiextensions.k8s.io/v1 CustomResourceDefinition",
    "apiregistration.k8s.io/v1 APIService",
  ]);
});
