import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../../api/object.ts";
import type { CustomResourceDefinitionVersion } from "../../api/types/apiextensions.v1.ts";
import { GROUP, widgetDefinition } from "./crd.fixture.ts";
import { CustomVersion } from "./custom-version.ts";
import { servedVersions } from "./served-versions.ts";

const version = (
  name: string,
  more: Partial<CustomResourceDefinitionVersion> = {},
): CustomResourceDefinitionVersion => ({
  name,
  served: true,
  storage: false,
  ...more,
});

test("the served versions come by precedence; deprecated ones name a better one, or say what they were given", () => {
  const definition = widgetDefinition(
    {},
    {
      versions: [
        version("v1beta1", { deprecated: true, storage: true }),
        version("v3", { served: false }),
        version("v2", { deprecated: true, deprecationWarning: "say no more" }),
        version("v1"),
      ],
    },
  );
  const parts = definition.spec.versions.map((one) => {
    const type = { group: GROUP, version: one.name, resource: "widgets", kind: "Widget", namespaced: true };
    const open = () => {
      throw new Error("nothing is opened here");
    };
    const custom = new CustomVersion(one.name, false, () => definition);
    return {
      version: one,
      custom,
      definition: { type, singular: "widget" },
      open,
      prepare: () => undefined,
      convert: (same: UnknownObject) => same,
    };
  });
  assert.deepEqual(
    servedVersions(definition, parts).map(({ type, custom, isStorageVersion }) => [
      type.version,
      isStorageVersion,
      custom?.warnings,
    ]),
    [
      ["v2", false, ["say no more"]],
      ["v1", false, []],
      ["v1beta1", true, [`${GROUP}/v1beta1 Widget is deprecated; use ${GROUP}/v1 Widget`]],
    ],
  );
});
