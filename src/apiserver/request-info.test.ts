import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTarget } from "./http/exchange.ts";
import { isLongRunning, requestInfo } from "./request-info.ts";

const info = (line: string) => {
  const [method, target] = line.split(" ") as [string, string];
  return requestInfo({ method, ...parseTarget(target)! });
};

const CASES: Record<string, string> = {
  // method and target: verb group/version namespace resource subresource name
  "GET /api/v1/namespaces": "list|/v1||namespaces||",
  "GET /api/v1/namespaces/other": "get|/v1|other|namespaces||other",
  "PUT /api/v1/namespaces/other/finalize": "update|/v1|other|namespaces|finalize|other",
  "GET /api/v1/namespaces/other/pods": "list|/v1|other|pods||",
  "GET /api/v1/namespaces/other/pods/foo": "get|/v1|other|pods||foo",
  "HEAD /api/v1/namespaces/other/pods/foo": "get|/v1|other|pods||foo",
  "GET /api/v1/pods?watch=true": "watch|/v1||pods||",
  "GET /api/v1/pods?watch": "watch|/v1||pods||",
  "GET /api/v1/pods?watch=0": "list|/v1||pods||",
  "GET /api/v1/watch/namespaces/other/pods": "watch|/v1|other|pods||",
  "GET /api/v1/namespaces/other/pods?fieldSelector=metadata.name%3Dfoo": "list|/v1|other|pods||foo",
  "GET /api/v1/namespaces/other/pods?fieldSelector=metadata.name!%3Dfoo": "list|/v1|other|pods||",
  "DELETE /api/v1/namespaces/other/pods": "deletecollection|/v1|other|pods||",
  "POST /api/v1/namespaces/other/pods/foo/exec?command=x": "create|/v1|other|pods|exec|foo",
  "GET /api/v1/nodes/n1/proxy/logs/a": "get|/v1||nodes|proxy|n1",
  "PATCH /apis/apps/v1/namespaces/a/deployments/b/scale": "patch|apps/v1|a|deployments|scale|b",
};
for (const [line, expected] of Object.entries(CASES)) {
  test(line, () => {
    const got = info(line);
    assert.ok(got.isResource);
    assert.equal(
      [got.verb, `${got.group}/${got.version}`, got.namespace, got.resource, got.subresource, got.name].join("|"),
      expected,
    );
  });
}

test("paths without a resource", () => {
  for (const line of ["GET /", "GET /healthz", "GET /api/v1", "GET /apis/apps/v1", "POST /apis", "GET /apis/apps"]) {
    const got = info(line);
    assert.equal(got.isResource, false, line);
    assert.equal(got.verb, line.split(" ")[0]!.toLowerCase());
  }
});

test("long-running requests", () => {
  assert.ok(isLongRunning(info("GET /api/v1/pods?watch=1")));
  assert.ok(isLongRunning(info("GET /api/v1/namespaces/a/pods/b/log")));
  assert.ok(!isLongRunning(info("GET /api/v1/namespaces/a/pods/b")));
});
