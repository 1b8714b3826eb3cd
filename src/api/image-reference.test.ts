import assert from "node:assert/strict";
import { test } from "node:test";
import { formatImageReference, parseImageReference } from "./image-reference.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

test("names are completed as Docker and the kubelet do", () => {
  const cases: [string, string][] = [
    ["hello", "docker.io/library/hello:latest"],
    ["hello:v1", "docker.io/library/hello:v1"],
    ["me/hello", "docker.io/me/hello:latest"],
    ["localhost/hello", "localhost/hello:latest"],
    ["localhost:5000/a/b:c", "localhost:5000/a/b:c"],
    ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/nginx:1", "docker.io/library/nginx:1"],
    ["HOST/name", "HOST/name:latest"],
    ["[::1]:5000/name", "[::1]:5000/name:latest"],
    [`hello@${digest}`, `docker.io/library/hello@${digest}`],
    [`hello:v1@${digest}`, `docker.io/library/hello:v1@${digest}`],
  ];
  for (const [given, full] of cases) {
    assert.equal(formatImageReference(parseImageReference(given)), full);
    assert.equal(formatImageReference(parseImageReference(full)), full);
  }
});

test("malformed names are refused with a reason", () => {
  for (const name of [
    "",
    "Hello",
    "a//b",
    "hello:",
    "hello:a b",
    "hello@sha256:12",
    ":tag",
    "a/b/",
    "-a",
    "a".repeat(300),
  ]) {
    assert.throws(() => parseImageReference(name), /couldn't parse image name/, name);
  }
  assert.throws(() => parseImageReference("me/Hello"), /must be lowercase/);
  assert.throws(() => parseImageReference("f".repeat(64)), /an identifier/);
});
