import assert from "node:assert/strict";
import { test } from "node:test";
import { protobufSchema } from "./protobuf-schema.ts";

const schema = protobufSchema({
  enums: { Color: ["RED", "GREEN"], Level: { LOW: 1, HIGH: 7 } },
  messages: {
    Inner: { value: "1 int64" },
    Outer: {
      name: "1 string",
      inner: "2 Inner",
      list: "3 repeated Inner",
      labels: "4 map string",
      color: "5 Color",
      level: "6 Level",
      data: "7 bytes",
      on: "8 bool",
    },
    Narrow: { name: "1 string" },
  },
});

test("a message comes back as it was written, with what was left out filled in", () => {
  const codec = schema.codec("Outer");
  const bytes = codec.encode({
    name: "a",
    list: [{ value: 2 ** 53 - 1 }],
    labels: { x: "y" },
    color: "GREEN",
    level: "HIGH",
    data: Buffer.from("z"),
  });
  assert.deepEqual(codec.decode(bytes), {
    name: "a",
    inner: null,
    list: [{ value: 2 ** 53 - 1 }],
    labels: { x: "y" },
    color: "GREEN",
    level: "HIGH",
    data: Buffer.from("z"),
    on: false,
  });
});

test("the bytes are protobuf's", () => {
  assert.equal(schema.codec("Narrow").encode({ name: "hi" }).toString("hex"), "0a026869");
  assert.equal(
    schema
      .codec("Outer")
      .encode({ inner: { value: 150 } })
      .toString("hex"),
    "1203089601",
  );
});

test("fields that are not in the table are skipped", () => {
  const bytes = schema.codec("Outer").encode({ name: "a", labels: { k: "v" }, color: "GREEN" });
  assert.deepEqual(schema.codec("Narrow").decode(bytes), { name: "a" });
});

test("a malformed table is refused at once", () => {
  assert.throws(() => protobufSchema({ messages: { M: { f: "string" } } }), /field M.f/);
  assert.throws(() => protobufSchema({ messages: { M: { f: "1 Nowhere" } } }), /Nowhere/);
});
