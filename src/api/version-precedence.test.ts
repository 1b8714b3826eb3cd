import assert from "node:assert/strict";
import { test } from "node:test";
import { comparePrecedence } from "./version-precedence.ts";

test("versions are named from stable to alpha, the newest first, and odd names last", () => {
  const versions = ["foo1", "v1beta1", "v3alpha2", "v10", "v11alpha2", "v1", "foo10", "v12alpha1", "v10beta3", "v2"];
  assert.deepEqual(versions.sort(comparePrecedence), [
    "v10",
    "v2",
    "v1",
    "v10beta3",
    "v1beta1",
    "v12alpha1",
    "v11alpha2",
    "v3alpha2",
    "foo1",
    "foo10",
  ]);
});
