import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalQuantity, Quantity, QuantityError, quantityMilliValue, quantityValue } from "./quantity.ts";

test("canonical spelling", () => {
  const cases: [string, string][] = [
    ["0", "0"],
    ["0Gi", "0"],
    ["1000", "1k"],
    ["1500", "1500"],
    ["0.5", "500m"],
    ["1.5", "1500m"],
    ["1000m", "1"],
    ["2000", "2k"],
    ["1000000", "1M"],
    ["1024Ki", "1Mi"],
    ["1.5Gi", "1536Mi"],
    ["0.5Mi", "512Ki"],
    ["0.1Gi", "107374182400m"],
    ["0.5Ki", "512"],
    ["1e3", "1e3"],
    ["1000e3", "1e6"],
    ["0.000001", "1u"],
    ["1n", "1n"],
    ["0.1n", "1n"],
    ["-1.5", "-1500m"],
    ["9Ei", "9223372036854775807"],
    // Upstream's quick check takes these for canonical.
    ["1.234", "1.234"],
    ["05", "05"],
    ["+1", "+1"],
    ["1.001Gi", "1074815565824m"],
  ];
  for (const [text, canonical] of cases) assert.equal(canonicalQuantity(text), canonical, text);
  assert.equal(canonicalQuantity(0.5), "500m");
});

test("values round away from zero", () => {
  assert.equal(quantityValue("1m"), 1);
  assert.equal(quantityValue("-1m"), -1);
  assert.equal(quantityValue("1.5Gi"), 1610612736);
  assert.equal(quantityMilliValue("0.1"), 100);
  assert.equal(quantityMilliValue("1u"), 1);
  assert.equal(quantityMilliValue(undefined), 0);
  assert.equal(Quantity.parse("9223372036854775807").valueBigInt(), 2n ** 63n - 1n);
  assert.equal(Quantity.parse("100E").valueBigInt(), 2n ** 63n - 1n);
  assert.equal(Quantity.parse("1500m").toNumber(), 1.5);
});

test("arithmetic is exact and keeps the notation of the left side", () => {
  const sum = (a: string, b: string) => Quantity.parse(a).add(Quantity.parse(b)).toString();
  assert.equal(sum("0.1", "0.2"), "300m");
  assert.equal(sum("1Gi", "1k"), "1073742824");
  assert.equal(sum("0", "1Ki"), "1Ki");
  assert.equal(sum("1.234", "1"), "2234m");
  assert.equal(Quantity.parse("1Gi").subtract(Quantity.parse("512Mi")).toString(), "512Mi");
  assert.equal(Quantity.parse("1").compare(Quantity.parse("1000m")), 0);
  assert.equal(Quantity.parse("1Ki").compare(Quantity.parse("1k")), 1);
  assert.equal(Quantity.of(2048, "BinarySI").toString(), "2Ki");
  assert.equal(Quantity.ofMilli(250).toString(), "250m");
});

test("what is no quantity is refused", () => {
  for (const [text, message] of [
    ["", /must match the regular expression/],
    ["1.2.3", /must match the regular expression/],
    ["1 ", /must match the regular expression/],
    ["1mm", /unable to parse quantity's suffix/],
    ["1K", /unable to parse quantity's suffix/],
  ] as const) {
    assert.throws(
      () => Quantity.parse(text),
      (error) => error instanceof QuantityError && message.test(error.message),
      text,
    );
  }
});
