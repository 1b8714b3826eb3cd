import assert from "node:assert/strict";
import { test } from "node:test";
import { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";
import { type BodySink, isStream, type Reply } from "../http/exchange.ts";
import { proxiedReply, proxiedUrl } from "./proxied-page.ts";

const place = { prefix: "/api/v1/pods/p/proxy", target: "10.0.0.1:80", clientHost: "localhost:8001" };

test("URLs at the target's root lead through the proxy, others are left alone", () => {
  const cases: [string, string][] = [
    ["/x?a=b", "/api/v1/pods/p/proxy/x?a=b"],
    ["http://10.0.0.1:80/x", "/api/v1/pods/p/proxy/x"],
    ["//10.0.0.1:80/x", "/api/v1/pods/p/proxy/x"],
    ["http://localhost:8001/x", "http://localhost:8001/api/v1/pods/p/proxy/x"],
    ["/api/v1/pods/p/proxy/x", "/api/v1/pods/p/proxy/x"],
    ["http://elsewhere/x", "http://elsewhere/x"],
    ["//elsewhere/x", "//elsewhere/x"],
    ["x", "x"],
    ["#part", "#part"],
    ["", ""],
    ["mailto:a@b", "mailto:a@b"],
  ];
  for (const [url, expected] of cases) assert.equal(proxiedUrl(url, place), expected, url);
});

async function bodyOf(reply: Reply): Promise<Buffer> {
  const { body } = reply;
  assert.ok(body && isStream(body));
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    const sink: BodySink = {
      write: (chunk) => chunks.push(chunk) > 0,
      onDrain() {},
      onClose() {},
      end: () => resolve(Buffer.concat(chunks)),
      abort: reject,
    };
    body.start(sink);
  });
}
const page = '<p>é</p><a href="/x">';
const rewritten = '<p>é</p><a href="/api/v1/pods/p/proxy/x">';
const reply = (bytes: Uint8Array, headers: Record<string, string>): Reply => ({
  status: 200,
  headers: { "content-length": String(bytes.length), ...headers },
  body: {
    start(sink) {
      for (const byte of bytes) sink.write(Uint8Array.of(byte));
      sink.end();
    },
  },
});
const html = "text/html; charset=utf-8";

test("pages are rewritten, whatever way they are packed", async () => {
  const plain = await proxiedReply(reply(Buffer.from(page), { "content-type": html }), place);
  assert.equal((await bodyOf(plain)).toString(), rewritten);
  assert.equal(plain.headers["content-length"], undefined);
  for (const [encoding, pack, unpack] of [
    ["gzip", gzipSync, gunzipSync],
    ["deflate", deflateSync, inflateSync],
  ] as const) {
    const packed = reply(pack(page), { "content-type": html, "content-encoding": encoding });
    assert.equal(unpack(await bodyOf(await proxiedReply(packed, place))).toString(), rewritten);
  }
});

test("what is no page, or can't be opened, passes as it is", async () => {
  const text = reply(Buffer.from(page), { "content-type": "text/plain" });
  assert.equal(await proxiedReply(text, place), text);
  const odd = reply(Buffer.from(page), { "content-type": html, "content-encoding": "br" });
  assert.equal(await proxiedReply(odd, place), odd);
  const broken = reply(Buffer.from(page), { "content-type": html, "content-encoding": "gzip" });
  await assert.rejects(bodyOf(await proxiedReply(broken, place)), { code: "Z_DATA_ERROR" });
});
