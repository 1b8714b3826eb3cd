import assert from "node:assert/strict";
import { test } from "node:test";
import { type GrpcCode, GrpcError } from "../../base/grpc.ts";
import { StoreRefusedError, StoreUnavailableError } from "../store.ts";
import { explain, isCompacted, isFuture, isPassing } from "./failure.ts";

const AT = "https://10.0.0.1:2379";
const error = (code: GrpcCode, message: string) => new GrpcError(code, message, "/etcdserverpb.KV/Txn");

test("what etcd says is told in its own words, what the connection says with the member's name", () => {
  for (const [given, kind, message, passing] of [
    [
      error("invalid-argument", "etcdserver: request is too large"),
      StoreRefusedError,
      "etcdserver: request is too large",
      false,
    ],
    [
      error("resource-exhausted", "etcdserver: mvcc: database space exceeded"),
      StoreRefusedError,
      "etcdserver: mvcc: database space exceeded",
      false,
    ],
    [error("unavailable", "etcdserver: leader changed"), StoreUnavailableError, "etcdserver: leader changed", true],
    [
      error("unavailable", "No connection established. Last error: x"),
      StoreUnavailableError,
      `etcd at ${AT} is unavailable: No connection established. Last error: x`,
      true,
    ],
    [
      error("permission-denied", "etcdserver: permission denied"),
      StoreUnavailableError,
      `etcd at ${AT} does not let this server in: etcdserver: permission denied`,
      false,
    ],
    [
      error("unknown", "auth: permission denied"),
      StoreUnavailableError,
      `etcd at ${AT} does not let this server in: auth: permission denied`,
      false,
    ],
  ] as const) {
    const told = explain(given, AT) as Error;
    assert.ok(told instanceof kind);
    assert.equal(told.message, message);
    assert.equal(isPassing(given), passing, message);
  }
  const other = new TypeError("a mistake of ours");
  assert.equal(explain(other, AT), other);
});

test("revisions that are gone or to come are recognised; only what had no connection was never sent", () => {
  assert.ok(isCompacted(error("out-of-range", "etcdserver: mvcc: required revision has been compacted")));
  assert.ok(isFuture(error("out-of-range", "etcdserver: mvcc: required revision is a future revision")));
  assert.ok(error("unavailable", "No connection established. Last error: x").neverSent);
  assert.ok(!error("unavailable", "Connection dropped").neverSent);
  assert.ok(!error("internal", "No connection established").neverSent);
});
