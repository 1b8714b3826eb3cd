import assert from "node:assert/strict";
import { test } from "node:test";
import { CelError, compileCel } from "./cel.ts";

const outcome = (source: string, self: unknown) => {
  try {
    return compileCel(source, { self: "dyn" }).evaluate({ self }, { remaining: 1_000_000 });
  } catch (error) {
    if (error instanceof CelError) return error.message;
    throw error;
  }
};

test("a fault counts where the other side does not decide, and of two the first is told", () => {
  assert.equal(outcome("self.a > 0 || self.b > 0", { b: 1 }), true);
  assert.equal(outcome("self.a > 0 && self.b > 0", { b: 0 }), false);
  assert.equal(outcome("self.a > 0 || self.b > 0", { b: 0 }), "no such key: a");
  assert.equal(outcome("self.a > 0 || self.b > 0", {}), "no such key: a");
  assert.equal(outcome("self.a > 0 && self.b > 0", {}), "no such key: a");
});
