import assert from "node:assert/strict";
import type { OutgoingHttpHeaders } from "node:http";
import { test } from "node:test";
import { setUserHeaders } from "./user-headers.ts";

test("a user as headers: keys escaped, values as UTF-8, and nothing of what the client sent under these names", () => {
  const headers: OutgoingHttpHeaders = {
    accept: "x",
    "x-remote-user": "mallory",
    "x-remote-group": "system:masters",
    "x-remote-uid": "0",
    "x-remote-extra-a": "b",
  };
  setUserHeaders(headers, { name: "jörg…", groups: ["a", "ä"], extra: { "Example.com/Ünit %": ["1", "2"] } });
  const bytes = (text: string) => Buffer.from(text).toString("latin1");
  assert.deepEqual(headers, {
    accept: "x",
    "x-remote-user": bytes("jörg…"),
    "x-remote-group": ["a", bytes("ä")],
    "x-remote-extra-example.com%2f%c3%bcnit%20%25": ["1", "2"],
  });
});
