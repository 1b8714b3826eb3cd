import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpoint } from "../etcd-endpoint.ts";
import { tellsProgress } from "./etcd-store.ts";
import { keySpace } from "./key-space.ts";

const show = ({ key, end }: { key: Buffer; end: Buffer }) => `${key} .. ${end}`;

test("keys below the root lie below the prefix in etcd, and nothing else is touched", () => {
  const keys = keySpace("/registry", "/prod/a");
  assert.equal(String(keys.toEtcd("/registry/pods/default/web")), "/prod/a/pods/default/web");
  assert.equal(keys.key(Buffer.from("/prod/a/pods/é")), "/registry/pods/é");
  assert.equal(show(keys.range("/registry/pods/")), "/prod/a/pods/ .. /prod/a/pods0");
  for (const wide of ["", "/", "/registry", "/registry/"]) {
    assert.equal(show(keys.range(wide)), "/prod/a/ .. /prod/a0");
  }
  for (const outside of ["/registryx/a", "/other", "registry/"]) {
    assert.throws(() => keys.toEtcd(outside), RangeError);
    assert.throws(() => keys.range(outside), RangeError);
  }
  assert.deepEqual(
    ["/prod/a/x", "/prod/ab/x", "/prod/a", "/pro"].map((key) => keys.contains(Buffer.from(key))),
    [true, false, false, false],
  );
  assert.throws(() => keySpace("/registry", "/ends/"), RangeError);
});

test("without a prefix the keys are the same", () => {
  const keys = keySpace("", "");
  assert.equal(String(keys.toEtcd("/a")), "/a");
  assert.equal(show(keys.range("")), "/ .. 0");
});

test("endpoints are read, and others refused", () => {
  assert.deepEqual(parseEndpoint("https://10.0.0.1:2379"), { target: "10.0.0.1:2379", secure: true });
  assert.deepEqual(parseEndpoint("http://etcd.example/"), { target: "etcd.example:2379", secure: false });
  assert.deepEqual(parseEndpoint("https://[::1]:1"), { target: "[::1]:1", secure: true });
  for (const bad of ["10.0.0.1:2379", "ftp://x:1", "https://", "https://a:b", "unix:///x", "https://a:1/path"]) {
    assert.throws(() => parseEndpoint(bad), RangeError, bad);
  }
});

test("which etcd tells truly how far a watch has come", () => {
  const versions = {
    "3.4.23": false,
    "3.4.25": true,
    "3.5.7": false,
    "3.5.8": true,
    "3.6.0-rc.1": true,
    "4.0.0": true,
  };
  for (const [version, expected] of Object.entries(versions)) assert.equal(tellsProgress(version), expected, version);
});
