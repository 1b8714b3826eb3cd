import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../status-error.ts";
import { decode, decodeJson, decodeParsed, type FieldValidation } from "./decode.ts";

const kinds = {
  Deployment: { group: "apps", version: "v1", kind: "Deployment" },
  Pod: { group: "", version: "v1", kind: "Pod" },
  ConfigMap: { group: "", version: "v1", kind: "ConfigMap" },
  Secret: { group: "", version: "v1", kind: "Secret" },
  Service: { group: "", version: "v1", kind: "Service" },
  Event: { group: "", version: "v1", kind: "Event" },
  ControllerRevision: { group: "apps", version: "v1", kind: "ControllerRevision" },
  DeleteOptions: { group: "apps", version: "v1", kind: "DeleteOptions" },
  HorizontalPodAutoscaler: { group: "autoscaling", version: "v1", kind: "HorizontalPodAutoscaler" },
};
type Kind = keyof typeof kinds;
const decodeText = (kind: Kind, text: string, validation: FieldValidation = "Strict") =>
  decodeJson(Buffer.from(text), kinds[kind], validation);
const message = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.deepEqual([error.code, error.reason], [400, "BadRequest"]);
    return error.message;
  }
  return "";
};

test("an object is brought into the form upstream writes", () => {
  const cases: [Kind, object, object][] = [
    [
      "Deployment",
      { spec: { replicas: 0, paused: false, selector: null, template: { metadata: { creationTimestamp: null } } } },
      { metadata: {}, spec: { replicas: 0, template: { metadata: {}, spec: {} }, strategy: {} }, status: {} },
    ],
    [
      "Pod",
      {
        metadata: { labels: {}, annotations: { a: "" }, finalizers: [] },
        spec: { containers: [null, { name: "a", image: "" }], nodeSelector: { a: null }, securityContext: {} },
      },
      {
        metadata: { annotations: { a: "" } },
        spec: {
          containers: [
            { name: "", resources: {} },
            { name: "a", resources: {} },
          ],
          nodeSelector: { a: "" },
          securityContext: {},
        },
        status: {},
      },
    ],
    [
      "Pod",
      { spec: { containers: [{ name: "a", resources: { limits: { cpu: 0.5, memory: "1.5Gi", x: "1000m" } } }] } },
      {
        metadata: {},
        spec: { containers: [{ name: "a", resources: { limits: { cpu: "500m", memory: "1536Mi", x: "1" } } }] },
        status: {},
      },
    ],
    [
      "Secret",
      { metadata: { creationTimestamp: "2024-01-02T03:04:05.6+02:00" }, data: { a: "YW\nI=", b: "YWJ=" } },
      { metadata: { creationTimestamp: "2024-01-02T01:04:05Z" }, data: { a: "YWI=", b: "YWI=" } },
    ],
    ["Service", { spec: { ports: [] } }, { metadata: {}, spec: {}, status: { loadBalancer: {} } }],
    [
      "Event",
      { eventTime: "2024-01-02T03:04:05.000000+01:00", lastTimestamp: null },
      {
        metadata: {},
        involvedObject: {},
        eventTime: "2024-01-02T02:04:05.000000Z",
        source: {},
        reportingComponent: "",
        reportingInstance: "",
      },
    ],
    ["ConfigMap", { data: { ["__proto__"]: "x", a: null } }, { metadata: {}, data: { ["__proto__"]: "x", a: "" } }],
  ];
  for (const [kind, given, wanted] of cases) {
    const { group, version } = kinds[kind];
    const type = { apiVersion: group ? `${group}/${version}` : version, kind };
    assert.deepEqual(decodeText(kind, JSON.stringify(given)).object, { ...wanted, ...type });
  }
});

test("wrong types are refused in Go's words", () => {
  const spec = (text: string) => `{"apiVersion":"apps/v1","kind":"Deployment","spec":${text}}`;
  const field = "json: cannot unmarshal";
  const cases: [Kind, string, string][] = [
    [
      "Deployment",
      spec('{"replicas":"3"}'),
      `${field} string into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      "Deployment",
      spec('{"replicas":1.5}'),
      `${field} number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    [
      "Deployment",
      spec('{"replicas":3000000000}'),
      `${field} number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32`,
    ],
    ["Deployment", spec("[]"), `${field} array into Go struct field Deployment.spec of type v1.DeploymentSpec`],
    [
      "Deployment",
      spec('{"template":{"spec":{"containers":[{"ports":[{"containerPort":"x"}]}]}}}'),
      `${field} string into Go struct field ContainerPort.spec.template.spec.containers.ports.containerPort of type int32`,
    ],
    [
      "Deployment",
      spec('{"template":{"spec":{"containers":[1]}}}'),
      `${field} number into Go struct field PodSpec.spec.template.spec.containers of type v1.Container`,
    ],
    [
      "Deployment",
      spec('{"template":{"spec":{"restartPolicy":5}}}'),
      `${field} number into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy`,
    ],
    [
      "Deployment",
      spec('{"template":{"spec":{"volumes":[{"secret":{"secretName":true}}]}}}'),
      `${field} bool into Go struct field SecretVolumeSource.spec.template.spec.volumes.VolumeSource.secret.secretName of type string`,
    ],
    ["ConfigMap", '{"data":{"a":5}}', `${field} number into Go struct field ConfigMap.data of type string`],
    ["Secret", '{"data":{"a":"!"}}', "illegal base64 data at input byte 0"],
    [
      "Pod",
      '{"metadata":{"creationTimestamp":"yesterday"}}',
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    [
      "Pod",
      '{"metadata":{"creationTimestamp":"2024-13-02T03:04:05Z"}}',
      'parsing time "2024-13-02T03:04:05Z": month out of range',
    ],
    [
      "Pod",
      '{"spec":{"containers":[{"resources":{"limits":{"cpu":"x"}}}]}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ];
  for (const [kind, text, problem] of cases) {
    assert.equal(
      message(() => decodeText(kind, text, "Ignore")),
      `${kind} in version "v1" cannot be handled as a ${kind}: ${problem}`,
    );
  }
});

test("unknown and repeated fields", () => {
  const text =
    '{"foo":1,"spec":{"replicas":1,"replicas":2,"x":{"y":1},"x":2,"template":{"metadata":{"labels":{"a":"b","a":"c"}},"spec":{"containers":[{"name":"a","bar":[]}]}}}}';
  const problems = [
    'unknown field "foo"',
    'duplicate field "spec.replicas"',
    'unknown field "spec.x"',
    'duplicate field "spec.template.metadata.labels.a"',
    'unknown field "spec.template.spec.containers[0].bar"',
  ];
  assert.equal(
    message(() => decodeText("Deployment", text)),
    `Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: ${problems.join(", ")}`,
  );
  const told = decodeText("Deployment", text, "Warn");
  assert.deepEqual(told.warnings, problems);
  const spec = told.object.spec as { replicas: number; template: { metadata: { labels: object } } };
  assert.deepEqual([spec.replicas, spec.template.metadata.labels, "foo" in told.object], [2, { a: "c" }, false]);
  assert.deepEqual(decodeText("Deployment", text, "Ignore").warnings, []);
  // A colon or a quote in a string is no member.
  assert.deepEqual(decodeText("ConfigMap", '{"data":{"a":"x\\":\\\\","b":":"}}').warnings, []);
});

test("kinds and versions", () => {
  const refusals: [Kind, string, string][] = [
    [
      "Deployment",
      '{"apiVersion":"v1","kind":"Pod"}',
      'Pod in version "v1" cannot be handled as a Deployment: converting (v1.Pod) to (apps.Deployment): unknown conversion',
    ],
    [
      "Deployment",
      '{"apiVersion":"apps/v2","kind":"Deployment"}',
      'Deployment in version "v2" cannot be handled as a Deployment: no kind "Deployment" is registered for version "apps/v2" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      "HorizontalPodAutoscaler",
      '{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler"}',
      "the API version in the data (autoscaling/v2) does not match the expected API version (autoscaling/v1)",
    ],
  ];
  for (const [kind, text, problem] of refusals)
    assert.equal(
      message(() => decodeText(kind, text)),
      problem,
    );
  assert.equal(decodeText("Deployment", "{}").object.kind, "Deployment");
  assert.equal(decodeText("Deployment", "null").object.apiVersion, "apps/v1");
  assert.equal(
    decodeText("DeleteOptions", '{"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0}').object
      .gracePeriodSeconds,
    0,
  );
});

test("what is no JSON object", () => {
  const start =
    "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: ";
  const cases: [string, string][] = [
    ["", "unexpected end of JSON input (<empty>)"],
    ["xyz", "invalid character 'x' looking for beginning of value (78797a)"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string ({\"a\":1,})"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e') ({\"a\":tru})"],
    ['{"a":"\n"}', 'invalid character \'\\n\' in string literal ({"a":"\n"})'],
    ['{"a":1} x', "invalid character 'x' after top-level value ({\"a\":1} x)"],
    ['{"a":01}', "invalid character '1' after object key:value pair ({\"a\":01})"],
    [
      '{"apiVersion":5}',
      'json: cannot unmarshal number into Go struct field .apiVersion of type string ({"apiVersion":5})',
    ],
    [
      "[]",
      'json: cannot unmarshal array into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b5d)',
    ],
  ];
  for (const [text, problem] of cases)
    assert.equal(
      message(() => decodeText("Pod", text)),
      start + problem,
    );
});

test("nesting has a limit", () => {
  const nested = (levels: number) => `{"data":${'{"a":'.repeat(levels)}1${"}".repeat(levels)},"revision":1}`;
  for (const validation of ["Strict", "Warn", "Ignore"] as const) {
    assert.doesNotThrow(() => decodeText("ControllerRevision", nested(900), validation));
    for (const levels of [1001, 100_000]) {
      const told = message(() => decodeText("ControllerRevision", nested(levels), validation));
      assert.match(told, /json parse error: exceeded max depth/);
    }
  }
  // The slower parser has the same one.
  assert.match(
    message(() => decodeText("ControllerRevision", `${nested(2000)}}`)),
    /exceeded max depth/,
  );
});

test("YAML", async () => {
  const yaml = (text: string, validation: FieldValidation = "Warn") =>
    decode(Buffer.from(text), "application/yaml; charset=utf-8", kinds.ConfigMap, validation);
  const { object, warnings } = await yaml(
    "data: {a: 22:22, 1: x, 'on': z, d: 2001-01-01}\nmetadata:\n  name: a\n  name: b\n---\nx: y\n",
  );
  assert.deepEqual(object.data, { a: "22:22", 1: "x", on: "z", d: "2001-01-01" });
  assert.deepEqual(warnings, ['yaml: unmarshal errors:\n  line 4: key "name" already set in map']);
  await assert.rejects(
    yaml("data: {a: yes}"),
    /cannot unmarshal bool into Go struct field ConfigMap.data of type string/,
  );
  await assert.rejects(yaml("data: &a {b: *a}"), /yaml: anchor 'a' value contains itself/);
  assert.deepEqual((await yaml("metadata: {name: &x a}\ndata: {v: &x b, w: *x}")).object.data, { v: "b", w: "b" });
  for (const levels of [1001, 100_000]) {
    await assert.rejects(yaml("[".repeat(levels) + "]".repeat(levels)), /: yaml: .*exceeded/);
  }
  await assert.rejects(yaml("data: [a"), /must be of type ConfigMap\): yaml: line \d: .* \(64617461/);
  assert.deepEqual((await yaml('{"data":{"a":"b"}}')).object.data, { a: "b" });
  await assert.rejects(decode(Buffer.from(""), "text/plain", kinds.Pod, "Ignore"), RangeError);
});

test("halves of surrogate pairs are replaced, as Go does", async () => {
  const text = String.raw`{"kind":"ConfigMap","apiVersion":"v1","data":{"a\ud800":"\ud83d\ude00\udc00","b":"\\ud800"}}`;
  const data = { "a\ufffd": "\u{1f600}\ufffd", b: "\\ud800" };
  assert.deepEqual(decodeText("ConfigMap", text).object["data"], data);
  const repeated = text.replace('"kind"', '"kind":"ConfigMap","kind"');
  assert.deepEqual(decodeText("ConfigMap", repeated, "Ignore").object["data"], data);
  const yaml = await decode(Buffer.from(text), "application/yaml", kinds.ConfigMap, "Strict");
  assert.deepEqual(yaml.object["data"], data);
});

test("a parsed value is left as it was", () => {
  const value = Object.freeze({
    spec: Object.freeze({ replicas: 1, extra: 1 }),
    metadata: Object.freeze({ name: "a" }),
  });
  const { object } = decodeParsed(value, kinds.Deployment, "Ignore");
  assert.equal(object.metadata, value.metadata);
  assert.deepEqual((object.spec as { replicas: number }).replicas, 1);
  assert.equal("extra" in (object.spec as object), false);
});
