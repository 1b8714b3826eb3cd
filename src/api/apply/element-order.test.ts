import assert from "node:assert/strict";
import { test } from "node:test";
import { inElementOrder } from "./element-order.ts";

test("elements are in upstream's order: fields, then items by the values of their keys", () => {
  const given = {
    "f:spec": {
      "f:ports": {
        'k:{"port":443,"protocol":"TCP"}': { "f:port": {}, "f:name": {}, ".": {} },
        'k:{"port":80,"protocol":"UDP"}': {},
        'k:{"port":80,"protocol":"TCP"}': {},
      },
      "f:clusterIP": {},
    },
    "f:metadata": { "f:finalizers": { 'v:"b"': {}, ".": {}, 'v:"a"': {} } },
    "f:list": { "i:10": {}, "i:9": {} },
  };
  assert.equal(
    JSON.stringify(inElementOrder(given)),
    JSON.stringify({
      "f:list": { "i:9": {}, "i:10": {} },
      "f:metadata": { "f:finalizers": { ".": {}, 'v:"a"': {}, 'v:"b"': {} } },
      "f:spec": {
        "f:clusterIP": {},
        "f:ports": {
          'k:{"port":80,"protocol":"TCP"}': {},
          'k:{"port":80,"protocol":"UDP"}': {},
          'k:{"port":443,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} },
        },
      },
    }),
  );
});

test("a set in order is shared", () => {
  const given = { "f:a": { ".": {}, "f:b": {} }, "f:c": {} };
  assert.equal(inElementOrder(given), given);
});
