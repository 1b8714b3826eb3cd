import assert from "node:assert/strict";
import { test } from "node:test";
import {
  at,
  child,
  duplicate,
  forbidden,
  formatValue,
  goQuote,
  invalid,
  notFound,
  notSupported,
  required,
  tooLong,
  tooMany,
} from "./field-errors.ts";
import { formatIp, parseIp, validateCidr, validateIp } from "./ip-checks.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "./object-meta.ts";
import { lines } from "./validation.fixture.ts";

test("errors are worded as upstream's", () => {
  const path = child(at(child("spec", "containers"), 0), "image");
  assert.equal(path, "spec.containers[0].image");
  assert.deepEqual(
    lines([
      required(path),
      required(path, "because"),
      invalid(path, "x", "must be y"),
      invalid(path, 3, "d"),
      invalid(path, null, "d"),
      invalid(path, { a: "<b>", c: [1] }, "d"),
      notSupported(path, "x", ["a", "b"]),
      duplicate(path, "x"),
      notFound(path, "x"),
      forbidden("", "no"),
      tooLong(path, 10),
      tooMany(path, 3, 1),
    ]),
    [
      `${path}: Required value`,
      `${path}: Required value: because`,
      `${path}: Invalid value: "x": must be y`,
      `${path}: Invalid value: 3: d`,
      `${path}: Invalid value: null: d`,
      `${path}: Invalid value: {"a":"\\u003cb\\u003e","c":[1]}: d`,
      `${path}: Unsupported value: "x": supported values: "a", "b"`,
      `${path}: Duplicate value: "x"`,
      `${path}: Not found: "x"`,
      "Forbidden: no",
      `${path}: Too long: may not be more than 10 bytes`,
      `${path}: Too many: 3: must have at most 1 item`,
    ],
  );
  assert.equal(goQuote('a"\\\n\u0001é\u200b😀'), '"a\\"\\\\\\n\\x01é\\u200b😀"');
  assert.equal(formatValue(true), "true");
});

test("addresses", () => {
  const cases: [string, string | undefined][] = [
    ["10.0.0.1", "10.0.0.1"],
    ["::", "::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1::2::3", undefined],
    ["1:::2", undefined],
    ["1.2.3", undefined],
    ["256.1.1.1", undefined],
    ["1:2", undefined],
  ];
  for (const [text, canonical] of cases) {
    const ip = parseIp(text);
    assert.equal(ip && formatIp(ip), canonical, text);
  }
  const errors = [] as ReturnType<typeof validateObjectMeta>;
  for (const text of ["10.0.0.1", "010.0.0.1", "::ffff:1.2.3.4", "1:0::1", "x"]) validateIp(text, "ip", errors);
  for (const text of ["10.0.0.0/8", "10.0.0.1/8", "10.0.0.0/33", "1:0::/64"]) validateCidr(text, "cidr", errors);
  assert.deepEqual(lines(errors), [
    'ip: Invalid value: "010.0.0.1": must not have leading 0s',
    'ip: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
    'ip: Invalid value: "1:0::1": must be in canonical form ("1::1")',
    'ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'cidr: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
    'cidr: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    'cidr: Invalid value: "1:0::/64": must be in canonical form ("1::/64")',
  ]);
});

test("metadata", () => {
  const subdomain =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u", controller: true };
  const cases: [object, ...string[]][] = [
    [{ name: "web", namespace: "ns", generateName: "web-" }],
    [{ namespace: "ns" }, "metadata.name: Required value: name or generateName is required"],
    [{ name: "Web", namespace: "ns" }, `metadata.name: Invalid value: "Web": ${subdomain}`],
    [{ name: "web" }, "metadata.namespace: Required value"],
    [
      { name: "web", namespace: "ns", labels: { a: "-" } },
      "metadata.labels: Invalid value: \"-\": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    ],
    [
      { name: "web", namespace: "ns", annotations: { a: "x".repeat(256 * 1024) } },
      "metadata.annotations: Too long: may not be more than 262144 bytes",
    ],
    [
      { name: "web", namespace: "ns", ownerReferences: [owner, { ...owner, name: "q" }, { kind: "Pod" }] },
      `metadata.ownerReferences: Invalid value: ${JSON.stringify([owner, { ...owner, name: "q" }, { kind: "Pod" }])}: Only one reference can have Controller set to true. Found "true" in references for Pod/p and Pod/q`,
      'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
      'metadata.ownerReferences.name: Invalid value: "": must not be empty',
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      { name: "web", namespace: "ns", finalizers: ["orphan", "foregroundDeletion"] },
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
  ];
  for (const [metadata, ...errors] of cases) {
    assert.deepEqual(lines(validateObjectMeta(metadata, { namespaced: true })), errors);
  }
  assert.deepEqual(lines(validateObjectMeta({ name: "a%b" }, { namespaced: false, nameFormat: "rbac" })), [
    "metadata.name: Invalid value: \"a%b\": may not contain '%'",
  ]);
  const old = { name: "a", uid: "1", generation: 2, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x.io/a"] };
  assert.deepEqual(lines(validateObjectMetaUpdate({ ...old, uid: "2", generation: 1, finalizers: ["x.io/b"] }, old)), [
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.io/b"}',
    "metadata.generation: Invalid value: 1: must not be decremented",
    'metadata.uid: Invalid value: "2": field is immutable',
  ]);
  assert.deepEqual(validateObjectMetaUpdate({ ...old, labels: { a: "b" } }, old), []);
});
