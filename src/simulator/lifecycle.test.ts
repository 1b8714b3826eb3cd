import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../api/object.ts";
import { seededRandom } from "../base/random.ts";
import { type Action, chooseStage, compileStage } from "./lifecycle.ts";
import { parseStages, StageError } from "./stage.ts";
import { stageFunctions } from "./template-functions.ts";

const NOW = Date.UTC(2026, 0, 1);
const functions = stageFunctions({
  now: () => "2026-01-01T00:00:00Z",
  startTime: "2026-01-01T00:00:00Z",
  version: "test",
  nodeIp: (node) => `ip-of-${node}`,
  podIp: (node, uid) => `${uid}@${node}`,
});
const compile = (yaml: string) => parseStages(yaml).map((stage) => compileStage(stage, functions));
const head = (name: string) => `apiVersion: kwok.x-k8s.io/v1alpha1\nkind: Stage\nmetadata: {name: ${name}}\nspec:\n`;
const pod = {
  metadata: {
    name: "p",
    uid: "u1",
    resourceVersion: "7",
    labels: { app: "a" },
    finalizers: ["x", "y"],
    annotations: { wait: "3s" },
  },
  spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }] },
  status: { phase: "Pending" },
};

test("a stage selects by labels, annotations and queries, all of them", () => {
  const [stage, without] = compile(`${head("a")}
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchLabels: {app: a}
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Pending, Running]}
---
${head("b")}
  resourceRef: {apiGroup: v1, kind: Pod}
`);
  assert.equal(stage!.selects(pod), true);
  assert.equal(stage!.selects({ ...pod, metadata: { ...pod.metadata, labels: {} } }), false);
  assert.equal(
    stage!.selects({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } }),
    false,
  );
  assert.equal(stage!.selects({ ...pod, status: { phase: "Failed" } }), false);
  assert.equal(without!.selects(pod), false);
});

test("the parts of `next` come in upstream's order", () => {
  const [stage] = compile(`${head("a")}
  resourceRef: {apiGroup: v1, kind: Pod}
  selector: {}
  next:
    statusTemplate: |
      {{ $now := Now }}
      phase: Running
      startTime: {{ $now | Quote }}
      podIP: {{ PodIPWith .spec.nodeName false .metadata.uid }}
      hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
    event: {type: Warning, reason: R, message: M}
    finalizers: {remove: [{value: x}], add: [{value: z}]}
    patches:
    - {root: metadata, template: '{"labels": {"l": {{ toJson .metadata.name }}}}', type: merge}
    - {root: spec, template: '[{"op": "add", "path": "/a", "value": 1}]', type: json}
`);
  const status = { phase: "Running", startTime: "2026-01-01T00:00:00Z", podIP: "u1@n1", hostIP: "ip-of-n1" };
  const expected: Action[] = [
    { do: "event", event: { type: "Warning", reason: "R", message: "M" } },
    {
      do: "patch",
      type: "merge",
      subresource: undefined,
      body: { metadata: { finalizers: ["y", "z"], resourceVersion: "7" } },
    },
    { do: "patch", type: "merge", subresource: undefined, body: { metadata: { labels: { l: "p" } } } },
    { do: "patch", type: "json", subresource: undefined, body: [{ op: "add", path: "/spec/a", value: 1 }] },
    { do: "patch", type: "strategic", subresource: "status", body: { status } },
  ];
  assert.deepEqual(stage!.actions(pod, {}), expected);
});

test("delays: fixed, drawn, from the object as a duration or a time", () => {
  const delayed = (delay: string) =>
    compile(`${head("a")}\n  resourceRef: {kind: Pod}\n  selector: {}\n  delay: ${delay}\n`)[0]!;
  const random = { ...seededRandom(1), next: () => 0.5 };
  const ms = (delay: string, object: UnknownObject = pod) => delayed(delay).delayMs(object, NOW, random);
  assert.equal(ms("{durationMilliseconds: 100}"), 100);
  assert.equal(ms("{durationMilliseconds: 100, jitterDurationMilliseconds: 300}"), 200);
  assert.equal(ms("{durationMilliseconds: 100, jitterDurationMilliseconds: 50}"), 50);
  assert.equal(ms("{durationFrom: {expressionFrom: .metadata.annotations.wait}}"), 3000);
  assert.equal(ms("{durationMilliseconds: 5, durationFrom: {expressionFrom: .metadata.annotations.none}}"), 5);
  const until = { metadata: { annotations: { wait: "2026-01-01T00:01:00Z" } } };
  assert.equal(ms("{durationFrom: {expressionFrom: .metadata.annotations.wait}}", until), 60_000);
});

test("of several stages one is drawn by weight", () => {
  const stages = [1, 3].flatMap((weight) =>
    compile(`${head(`w${weight}`)}\n  resourceRef: {kind: Pod}\n  selector: {}\n  weight: ${weight}\n`),
  );
  const random = seededRandom(3);
  const drawn = Array.from({ length: 400 }, () => chooseStage(stages, pod, random)?.name);
  const heavy = drawn.filter((name) => name === "w3").length;
  assert.ok(heavy > 260 && heavy < 340, `${heavy} of 400`);
});

test("what can't be played is refused, with the stage and the field", () => {
  const refused: [string, RegExp][] = [
    ["kind: Pod\napiVersion: v1\n", /a kwok.x-k8s.io\/v1alpha1 Stage is expected, not v1 Pod/],
    [`${head("a")}  selector: {}\n`, /stage a: spec.resourceRef.kind is required/],
    [
      `${head("a")}  resourceRef: {kind: Pod}\n  selector: {matchExpressions: [{key: .a}]}\n`,
      /stage a: selector: operator/,
    ],
    [
      `${head("a")}  resourceRef: {kind: Pod}\n  selector: {matchExpressions: [{key: ".a | foo", operator: Exists}]}\n`,
      /stage a: selector: jq: "foo"/,
    ],
    [
      `${head("a")}  resourceRef: {kind: Pod}\n  next: {statusTemplate: "{{ Foo }}"}\n`,
      /stage a: step 0: .*"Foo" is not defined/,
    ],
    [`${head("a")}  resourceRef: {kind: Pod}\n  next: {apply: {}}\n`, /stage a: spec.next.apply is not supported/],
    [`${head("a")}  resourceRef: {kind: Pod}\n  weight: heavy\n`, /stage a: spec.weight must be a number/],
  ];
  for (const [yaml, message] of refused) {
    assert.throws(
      () => compile(yaml),
      (error) => error instanceof StageError && message.test(error.message),
      yaml,
    );
  }
});
