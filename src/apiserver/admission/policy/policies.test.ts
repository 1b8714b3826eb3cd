import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, send, testServer } from "../../server.fixture.ts";
import type { ApiServer } from "../../server.ts";

const GROUP = "/apis/admissionregistration.k8s.io/v1";
const MAPS = "/api/v1/namespaces/default/configmaps";
const CONFIG_MAPS = { apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"] };

interface Setting {
  readonly server: ApiServer;
  put(path: string, object: object): Promise<void>;
  /** A policy and its binding, of the same name. */
  validating(name: string, spec: object, binding?: object): Promise<void>;
  mutating(name: string, spec: object, binding?: object): Promise<void>;
}

async function setUp(t: { after(undo: () => unknown): void }): Promise<Setting> {
  const server = testServer();
  await server.ready;
  t.after(() => server.close(0));
  const put = async (path: string, object: object) => {
    const answer = await send(server, "POST", path, object);
    assert.equal(answer.status, 201, answer.text);
  };
  const both = async (kind: string, name: string, spec: object, binding: object, actions: object) => {
    const matchConstraints = { resourceRules: [CONFIG_MAPS] };
    await put(`${GROUP}/${kind}admissionpolicies`, { metadata: { name }, spec: { matchConstraints, ...spec } });
    const own = { metadata: { name }, spec: { policyName: name, ...actions, ...binding } };
    await put(`${GROUP}/${kind}admissionpolicybindings`, own);
  };
  return {
    server,
    put,
    validating: (name, spec, binding = {}) => both("validating", name, spec, binding, { validationActions: ["Deny"] }),
    mutating: (name, spec, binding = {}) =>
      both("mutating", name, { reinvocationPolicy: "Never", ...spec }, binding, {}),
  };
}

const configMap = (name: string, data: Record<string, string> = {}, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  data,
});
interface Map {
  data?: Record<string, string>;
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
}
const create = (server: ApiServer, object: object): Promise<Answer<Map & Record<string, unknown>>> =>
  send(server, "POST", MAPS, object);

test("a policy refuses in upstream's words", async (t) => {
  const { server, validating } = await setUp(t);
  await validating("small", {
    variables: [{ name: "size", expression: "object.data.size()" }],
    validations: [
      { expression: "variables.size < 2", messageExpression: "'has ' + string(variables.size) + ' entries'" },
      { expression: "!('bad' in object.data)", reason: "Forbidden" },
    ],
  });
  assert.equal((await create(server, configMap("a", { one: "1" }))).status, 201);
  const big = await create(server, configMap("b", { one: "1", two: "2" }));
  const message = "ValidatingAdmissionPolicy 'small' with binding 'small' denied request: has 2 entries";
  assert.equal(big.status, 422);
  assert.deepEqual(big.json, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `configmaps "b" is forbidden: ${message}`,
    reason: "Invalid",
    details: { name: "b", kind: "configmaps", causes: [{ message }] },
    code: 422,
  });
  const bad = await create(server, configMap("c", { bad: "1" }));
  assert.equal(bad.status, 403);
  assert.equal(bad.json["reason"], "Forbidden");
  assert.match(String(bad.json["message"]), /denied request: failed expression: !\('bad' in object\.data\)$/);
});

test("what a policy sees", async (t) => {
  const { server, validating } = await setUp(t);
  const checks = [
    "request.operation == 'CREATE' ? oldObject == null : object == null || oldObject.metadata.name == 'a'",
    "request.kind.group == '' && request.kind.version == 'v1' && request.requestKind.kind == 'ConfigMap'",
    "request.userInfo.username == 'admin' && request.userInfo.groups.exists(g, g == 'system:masters')",
    "namespaceObject.metadata.name == 'default' && namespaceObject.metadata.creationTimestamp < timestamp('2100-01-01T00:00:00Z')",
    "authorizer.group('').resource('pods').check('get').allowed() && authorizer.requestResource.check('delete').allowed()",
    "!authorizer.serviceAccount('default', 'nobody').group('').resource('pods').check('get').allowed()",
    "request.name == 'a' && request.resource.resource == 'configmaps' && !has(request.subResource)",
  ];
  await validating("seen", { validations: checks.map((expression) => ({ expression })) });
  const made = await create(server, configMap("a"));
  assert.equal(made.status, 201, made.text);
  assert.equal((await send(server, "PUT", `${MAPS}/a`, configMap("a", { x: "y" }))).status, 200);
  assert.equal((await send(server, "DELETE", `${MAPS}/a`)).status, 200);
});

test("warnings and audit annotations", async (t) => {
  const { server, validating } = await setUp(t);
  await validating(
    "noted",
    {
      validations: [{ expression: "has(object.data)", message: "empty" }],
      auditAnnotations: [{ key: "who", valueExpression: "'by ' + request.userInfo.username" }],
    },
    { validationActions: ["Warn", "Audit"] },
  );
  const made = await create(server, configMap("a"));
  assert.equal(made.status, 201);
  assert.equal(
    made.headers["warning"],
    "299 - \"Validation failed for ValidatingAdmissionPolicy 'noted' with binding 'noted': empty\"",
  );
});

test("parameters come by name, by selector, or not at all", async (t) => {
  const { server, put, validating } = await setUp(t);
  await put(MAPS, configMap("limits", { most: "1" }, { role: "limits" }));
  const paramKind = { apiVersion: "v1", kind: "ConfigMap" };
  const validations = [{ expression: "object.data.size() <= int(params.data.most)" }];
  const spec = {
    paramKind,
    validations,
    matchConditions: [{ name: "own", expression: "object.metadata.name != 'free' && params.kind == 'ConfigMap'" }],
    matchConstraints: { resourceRules: [{ ...CONFIG_MAPS, operations: ["CREATE"] }] },
  };
  await validating("named", spec, { paramRef: { name: "limits", parameterNotFoundAction: "Deny" } });
  assert.equal((await create(server, configMap("a", { x: "1" }))).status, 201);
  assert.equal((await create(server, configMap("b", { x: "1", y: "2" }))).status, 422);
  assert.equal((await create(server, configMap("free", { x: "1", y: "2" }))).status, 201);

  const selector = { matchLabels: { role: "more" } };
  await validating("selected", spec, { paramRef: { selector, parameterNotFoundAction: "Allow" } });
  assert.equal((await create(server, configMap("c", { x: "1" }))).status, 201);
  await send(server, "DELETE", `${GROUP}/validatingadmissionpolicybindings/named`);
  await put(MAPS, configMap("more", { most: "0" }, { role: "more" }));
  const refused = await create(server, configMap("d", { x: "1" }));
  assert.match(String(refused.json["message"]), /'selected' with binding 'selected' denied request/);

  await send(server, "DELETE", `${GROUP}/validatingadmissionpolicybindings/selected`);
  await validating("missing", spec, { paramRef: { name: "gone", parameterNotFoundAction: "Deny" } });
  const missing = await create(server, configMap("e"));
  assert.match(
    String(missing.json["message"]),
    /denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/,
  );
});

test("a policy of an unknown kind of parameters, and what its failure policy makes of it", async (t) => {
  const { server, validating } = await setUp(t);
  const spec = { paramKind: { apiVersion: "example.com/v1", kind: "Limit" }, validations: [{ expression: "true" }] };
  const binding = { paramRef: { name: "x", parameterNotFoundAction: "Deny" } };
  await validating("ignored", { ...spec, failurePolicy: "Ignore" }, binding);
  assert.equal((await create(server, configMap("a"))).status, 201);
  await validating("counted", spec, binding);
  const refused = await create(server, configMap("b"));
  assert.match(
    String(refused.json["message"]),
    /ValidatingAdmissionPolicy 'counted' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com\/v1, Kind=Limit'$/,
  );
});

test("expressions that fail, and conditions", async (t) => {
  const { server, validating } = await setUp(t);
  await validating("ignored", { validations: [{ expression: "object.spec.nope == 1" }], failurePolicy: "Ignore" });
  assert.equal((await create(server, configMap("a"))).status, 201);
  await validating("counted", {
    validations: [{ expression: "object.spec.nope == 1" }],
    matchConditions: [{ name: "labelled", expression: "has(object.metadata.labels)" }],
  });
  assert.equal((await create(server, { metadata: { name: "b" } })).status, 201);
  const refused = await create(server, configMap("c", {}, { x: "y" }));
  assert.match(
    String(refused.json["message"]),
    /denied request: expression 'object\.spec\.nope == 1' resulted in error: no such key: spec$/,
  );
});

test("which writes match", async (t) => {
  const { server, validating, put } = await setUp(t);
  await put("/api/v1/namespaces", { metadata: { name: "other", labels: { strict: "no" } } });
  const refuse = { validations: [{ expression: "false" }] };
  await validating(
    "picky",
    {
      ...refuse,
      matchConstraints: {
        resourceRules: [{ ...CONFIG_MAPS, operations: ["CREATE"], resourceNames: ["a", "b", "c"] }],
        excludeResourceRules: [{ ...CONFIG_MAPS, resourceNames: ["b"] }],
        namespaceSelector: { matchExpressions: [{ key: "strict", operator: "DoesNotExist" }] },
      },
    },
    { matchResources: { objectSelector: { matchLabels: { on: "yes" } } } },
  );
  const status = async (name: string, labels = {}, namespace = "default") =>
    (await send(server, "POST", `/api/v1/namespaces/${namespace}/configmaps`, configMap(name, {}, labels))).status;
  assert.equal(await status("a", { on: "yes" }), 422);
  assert.equal(await status("a"), 201);
  assert.equal(await status("b", { on: "yes" }), 201);
  assert.equal(await status("d", { on: "yes" }), 201);
  assert.equal(await status("c", { on: "yes" }, "other"), 201);
});

test("an equivalent resource is shown in the version of the rule", async (t) => {
  const { server, validating } = await setUp(t);
  const rule = { apiGroups: ["autoscaling"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["*"] };
  await validating("old", {
    matchConstraints: { resourceRules: [rule] },
    validations: [{ expression: "has(object.spec.targetCPUUtilizationPercentage)", message: "no target" }],
  });
  const target = { type: "Utilization", averageUtilization: 50 };
  const spec = { maxReplicas: 2, scaleTargetRef: { kind: "Deployment", name: "x", apiVersion: "apps/v1" } };
  const metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
  const path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";
  assert.equal((await send(server, "POST", path, { metadata: { name: "a" }, spec: { ...spec, metrics } })).status, 201);
  const memory = [{ type: "Resource", resource: { name: "memory", target } }];
  const refused = await send(server, "POST", path, { metadata: { name: "b" }, spec: { ...spec, metrics: memory } });
  assert.equal(refused.status, 422, refused.text);
});

test("an expression that does not compile is refused when the policy is written", async (t) => {
  const { server } = await setUp(t);
  const spec = {
    matchConstraints: { resourceRules: [CONFIG_MAPS] },
    variables: [{ name: "x", expression: "object.foo + nope" }],
    validations: [{ expression: "variables.y", messageExpression: "1" }],
    matchConditions: [{ name: "a", expression: "'text'" }],
  };
  const path = `${GROUP}/validatingadmissionpolicies`;
  const refused = await send<{ details: { causes: { field: string; message: string }[] } }>(server, "POST", path, {
    metadata: { name: "a" },
    spec,
  });
  assert.equal(refused.status, 422);
  assert.deepEqual(
    refused.json.details.causes.map(({ field, message }) => `${field}: ${message}`),
    [
      "spec.matchConditions[0].expression: Invalid value: \"'text'\": must evaluate to bool but got string",
      'spec.variables[0].expression: Invalid value: "object.foo + nope": compilation failed: ERROR: <input>:1:14: ' +
        "undeclared reference to 'nope' (in container '')\n | object.foo + nope\n | .............^",
      'spec.validations[0].expression: Invalid value: "variables.y": compilation failed: ERROR: <input>:1:10: ' +
        "undefined field 'y'\n | variables.y\n | .........^",
      'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int',
    ],
  );
});

test("mutations by configurations and patches", async (t) => {
  const { server, mutating } = await setUp(t);
  await mutating("label", {
    variables: [{ name: "team", expression: "'core'" }],
    mutations: [
      {
        patchType: "ApplyConfiguration",
        applyConfiguration: {
          expression: "Object{metadata: Object.metadata{labels: {'team': variables.team, 'op': request.operation}}}",
        },
      },
      {
        patchType: "JSONPatch",
        jsonPatch: {
          expression:
            "[JSONPatch{op: 'test', path: '/metadata/labels/team', value: 'core'}, " +
            "JSONPatch{op: 'add', path: '/data/' + jsonpatch.escapeKey('a.b'), value: object.metadata.labels.team}]",
        },
      },
    ],
    matchConditions: [{ name: "not-free", expression: "object.metadata.name != 'free'" }],
  });
  const made = await create(server, configMap("a", { x: "1" }, { mine: "yes" }));
  assert.equal(made.status, 201, made.text);
  assert.deepEqual(made.json.metadata.labels, { mine: "yes", op: "CREATE", team: "core" });
  assert.deepEqual(made.json.data, { x: "1", "a.b": "core" });
  const free = await create(server, configMap("free", { x: "1" }));
  assert.equal(free.json.metadata.labels?.["team"], undefined);
});

test("mutations that fail", async (t) => {
  const { server, mutating } = await setUp(t);
  const apply = (expression: string) => ({
    mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
  });
  await mutating("typed", apply("Object{metadata: Object.spec{labels: {'a': 'b'}}}"));
  const refused = await create(server, configMap("a"));
  assert.equal(refused.status, 403);
  assert.equal(refused.json["reason"], "Invalid");
  assert.equal(
    refused.json["message"],
    "policy 'typed' with binding 'typed' denied request: type mismatch: unexpected type name \"Object.spec\", expected " +
      '"Object.metadata", which matches field name path from root Object type',
  );
  await send(server, "DELETE", `${GROUP}/mutatingadmissionpolicybindings/typed`);
  await mutating("unknown", apply("Object{data: {'a': 1}, nope: 1}"));
  const unknown = await create(server, configMap("a"));
  assert.match(
    String(unknown.json["message"]),
    /error applying patch: failed to convert patch object to typed object: /,
  );
  await send(server, "DELETE", `${GROUP}/mutatingadmissionpolicybindings/unknown`);
  await mutating("atomic", apply("Object{metadata: Object.metadata{ownerReferences: []}}"), {});
  assert.equal((await create(server, configMap("b"))).status, 201);
  await mutating("ignored", { ...apply("Object{data: object.nope}"), failurePolicy: "Ignore" });
  assert.equal((await create(server, configMap("c"))).status, 201);
});

test("what is one thing may not be applied in part", async (t) => {
  const { server, mutating } = await setUp(t);
  const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["services"] };
  const expression = "Object{spec: Object.spec{externalIPs: ['192.0.2.1']}}";
  await mutating("outside", {
    matchConstraints: { resourceRules: [rule] },
    mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
  });
  const service = { metadata: { name: "s" }, spec: { ports: [{ port: 80 }] } };
  const refused = await send(server, "POST", "/api/v1/namespaces/default/services", service);
  assert.match(
    String(refused.json["message"]),
    /invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: \.spec\.externalIPs$/,
  );
});

test("a policy is asked again when another changes the object after it", async (t) => {
  const { server, mutating } = await setUp(t);
  const count = "Object{data: {'count': string(object.data.size())}}";
  const add = "Object{data: {'added': 'yes'}}";
  const mutation = (expression: string) => ({ patchType: "ApplyConfiguration", applyConfiguration: { expression } });
  await mutating("a-count", { mutations: [mutation(count)], reinvocationPolicy: "IfNeeded" });
  await mutating("b-add", { mutations: [mutation(add)], reinvocationPolicy: "Never" });
  const made = await create(server, configMap("a", { x: "1" }));
  assert.deepEqual(made.json.data, { x: "1", count: "3", added: "yes" });
});

test("policies have no say in what configures admission", async (t) => {
  const { server, validating } = await setUp(t);
  const everything = { apiGroups: ["*"], apiVersions: ["*"], operations: ["*"], resources: ["*"] };
  await validating("shut", {
    matchConstraints: { resourceRules: [everything] },
    validations: [{ expression: "false" }],
  });
  assert.equal((await create(server, configMap("a"))).status, 422);
  assert.equal((await send(server, "DELETE", `${GROUP}/validatingadmissionpolicies/shut`)).status, 200);
  assert.equal((await create(server, configMap("a"))).status, 201);
});
