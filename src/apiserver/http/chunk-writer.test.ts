import assert from "node:assert/strict";
import { test } from "node:test";
import { ChunkWriter } from "./chunk-writer.ts";

for (const size of [10, 8 * 1024, 20 * 1024, 60 * 1024, 200 * 1024]) {
  test(`a piece of ${size} bytes fits behind another one`, () => {
    const out = new ChunkWriter();
    out.ascii("head");
    out.bytes(new Uint8Array(size).fill(0x61));
    out.text("tail");
    assert.equal(Buffer.from(out.take()).toString(), `head${"a".repeat(size)}tail`);
  });
}
