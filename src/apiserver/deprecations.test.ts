import assert from "node:assert/strict";
import { test } from "node:test";
import { servedResources } from "../api/schema/served-resources.ts";
import { deprecationWarning } from "./deprecations.ts";

test("old versions are deprecated, and say until when they are served", () => {
  const warned = servedResources(true).flatMap(({ listKind: _, ...row }) => {
    const text = deprecationWarning({ ...row, resource: row.resource });
    return text === "" ? [] : [text];
  });
  assert.equal(warned.length, 19);
  assert.ok(warned.includes("networking.k8s.io/v1beta1 ServiceCIDR is deprecated in v1.34+, unavailable in v1.37+"));
  assert.ok(warned.includes("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"));
  assert.ok(!warned.some((text) => text.startsWith("resource.k8s.io/v1beta2 DeviceTaintRule")));
});
