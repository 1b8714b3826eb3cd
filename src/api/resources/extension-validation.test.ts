import assert from "node:assert/strict";
import { before, test } from "node:test";
import { issue, newAuthority, newCertificateRequest, newKeyPair } from "../../base/x509.ts";
import { loadCel } from "../cel/load.ts";
import { loadPatterns } from "../structural/patterns.ts";
import { changed, checkCreate, checkUpdate, createErrors, updateErrors } from "./validation.fixture.ts";

before(async () => {
  await loadCel();
  await loadPatterns();
});

const metadata = { name: "x", resourceVersion: "1" };
const base64 = (text: string) => Buffer.from(text).toString("base64");

test("certificate signing requests", () => {
  const { privateKey } = newKeyPair();
  const request = {
    metadata,
    spec: {
      request: base64(newCertificateRequest({ commonName: "alice", privateKey })),
      signerName: "example.com/signer",
      usages: ["client auth"],
    },
  };
  checkCreate("certificates.k8s.io", "certificatesigningrequests", request, [
    [
      ["spec", "request"],
      base64("x"),
      `spec.request: Invalid value: "${base64("x")}": PEM block type must be CERTIFICATE REQUEST`,
    ],
    [["spec", "usages"], [], "spec.usages: Required value: usages must be provided"],
    [["spec", "usages"], ["client auth", "client auth"], 'spec.usages[1]: Duplicate value: "client auth"'],
    [["spec", "signerName"], "", "spec.signerName: Required value: signerName must be provided"],
    [
      ["spec", "signerName"],
      "signer",
      `spec.signerName: Invalid value: "signer": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
    ],
    [
      ["spec", "signerName"],
      "kubernetes.io/legacy-unknown",
      'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
    ],
    [
      ["spec", "expirationSeconds"],
      60,
      "spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 600 seconds (10 minutes)",
    ],
  ]);
  const update = (old: object, status: object, subresource?: string) =>
    updateErrors("certificates.k8s.io", "certificatesigningrequests", old, { ...old, status }, subresource);
  const time = "2026-01-01T00:00:00Z";
  const approval = { type: "Approved", status: "True", lastUpdateTime: time, lastTransitionTime: time };
  const approved = { conditions: [approval] };
  assert.deepEqual(update(request, approved, "approval"), []);
  assert.deepEqual(update(request, approved, "status"), [
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ]);
  const decided = { ...request, status: approved };
  assert.deepEqual(update(decided, {}, "approval"), [
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ]);
  const both = { conditions: [approval, { type: "Denied", status: "True" }] };
  assert.deepEqual(update(request, both, "approval"), [
    'status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive',
  ]);
  const now = Date.parse("2026-01-01T00:00:00Z");
  const authority = newAuthority({ commonName: "ca", now, validityMs: 1e9 });
  const certificate = issue({
    commonName: "alice",
    authority,
    notBefore: now,
    notAfter: now + 1e6,
    usages: ["client"],
  });
  const issued = { ...approved, certificate: base64(certificate.certificatePem) };
  assert.deepEqual(update(decided, issued, "status"), []);
  assert.deepEqual(update({ ...request, status: issued }, { ...approved, certificate: "" }, "status"), [
    "status.certificate: Forbidden: updates may not modify existing certificate content",
  ]);
  assert.deepEqual(update(decided, { ...approved, certificate: base64("nothing") }, "status"), [
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
  ]);
});

test("webhook configurations", () => {
  const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
  const configuration = {
    metadata,
    webhooks: [
      {
        name: "check.example.com",
        clientConfig: { service: { name: "web", namespace: "ns" } },
        rules: [rule],
        sideEffects: "None",
        admissionReviewVersions: ["v1"],
      },
    ],
  };
  const first = (...path: (string | number)[]) => ["webhooks", 0, ...path];
  const path = "webhooks[0]";
  for (const resource of ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]) {
    checkCreate("admissionregistration.k8s.io", resource, configuration, [
      [
        first("name"),
        "check",
        `${path}.name: Invalid value: "check": should be a domain with at least three segments separated by dots`,
      ],
      [first("sideEffects"), undefined, `${path}.sideEffects: Required value: must specify one of None, NoneOnDryRun`],
      [
        first("timeoutSeconds"),
        31,
        `${path}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`,
      ],
      [
        first("failurePolicy"),
        "Shrug",
        `${path}.failurePolicy: Unsupported value: "Shrug": supported values: "Fail", "Ignore"`,
      ],
      [
        first("admissionReviewVersions"),
        [],
        `${path}.admissionReviewVersions: Required value: must specify one of v1, v1beta1`,
      ],
      [
        first("admissionReviewVersions"),
        ["v9"],
        `${path}.admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1`,
      ],
      [first("clientConfig"), {}, `${path}.clientConfig: Required value: exactly one of url or service is required`],
      [
        first("clientConfig"),
        { url: "http://user@a.b/x?y=1#z" },
        `${path}.clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`,
        `${path}.clientConfig.url: Invalid value: "user": user information is not permitted in the URL`,
        `${path}.clientConfig.url: Invalid value: "z": fragments are not permitted in the URL`,
        `${path}.clientConfig.url: Invalid value: "y=1": query parameters are not permitted in the URL`,
      ],
      [first("clientConfig"), { url: "https://a.b:8443/x" }],
      [
        first("clientConfig", "service", "path"),
        "//a",
        `${path}.clientConfig.service.path: Invalid value: "//a": segment[0] may not be empty`,
      ],
      [
        first("rules"),
        [{ ...rule, operations: ["*", "CREATE"], resources: ["*", "pods"] }],
        `${path}.rules[0].operations: Invalid value: ["*","CREATE"]: if '*' is present, must not specify other operations`,
        `${path}.rules[0].resources: Invalid value: ["*","pods"]: if '*' is present, must not specify other resources without subresources`,
      ],
      [
        first("rules"),
        [{ ...rule, resources: ["pods/*", "pods/log"], apiVersions: [] }],
        `${path}.rules[0].apiVersions: Required value`,
        `${path}.rules[0].resources[1]: Invalid value: "pods/log": if 'pods/*' is present, must not specify pods/log`,
      ],
      [
        first("matchConditions"),
        [{ name: "a", expression: " " }],
        `${path}.matchConditions[0].expression: Required value`,
      ],
      [
        ["webhooks"],
        [configuration.webhooks[0], configuration.webhooks[0]],
        'webhooks[1].name: Duplicate value: "check.example.com"',
      ],
    ]);
  }
});

test("admission policies and their bindings", () => {
  const group = "admissionregistration.k8s.io";
  const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
  const policy = {
    metadata,
    spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: "true" }] },
  };
  const spec = (...path: (string | number)[]) => ["spec", ...path];
  const neither = "Required value: validations or auditAnnotations must contain at least one item";
  checkCreate(group, "validatingadmissionpolicies", policy, [
    [spec("validations"), [], `spec.validations: ${neither}`, `spec.auditAnnotations: ${neither}`],
    [spec("matchConstraints"), undefined, "spec.matchConstraints: Required value"],
    [spec("matchConstraints", "resourceRules"), [], "spec.matchConstraints.resourceRules: Required value"],
    [
      spec("paramKind"),
      { apiVersion: "a/b/c", kind: "K" },
      'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    ],
    [
      spec("validations", 0, "reason"),
      "Because",
      'spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    ],
    [
      spec("validations", 0, "message"),
      "a\nb",
      'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
    ],
    [
      spec("variables"),
      [{ name: "in", expression: "1" }],
      'spec.variables[0].name: Invalid value: "in": name is not a valid CEL identifier',
    ],
    [
      spec("auditAnnotations"),
      [{ key: "k", valueExpression: "" }],
      "spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified",
    ],
  ]);
  const mutation = { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{}]" } };
  const mutating = { metadata, spec: { matchConstraints: { resourceRules: [rule] }, mutations: [mutation] } };
  checkCreate(group, "mutatingadmissionpolicies", mutating, [
    [
      spec("mutations"),
      [{ patchType: "JSONPatch" }],
      "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch",
    ],
    [
      spec("mutations", 0, "patchType"),
      "Sed",
      'spec.mutations[0].patchType: Unsupported value: "Sed": supported values: "ApplyConfiguration", "JSONPatch"',
      'spec.mutations[0].jsonPatch: Invalid value: {"expression":"[JSONPatch{}]"}: must not be specified when patchType is Sed',
    ],
  ]);
  const binding = { metadata, spec: { policyName: "p", validationActions: ["Deny"] } };
  const parameters = { name: "a", parameterNotFoundAction: "Deny" };
  checkCreate(group, "validatingadmissionpolicybindings", binding, [
    [spec("policyName"), "", "spec.policyName: Required value"],
    [
      spec("validationActions"),
      [],
      "spec.validationActions: Required value: at least one validation action is required",
    ],
    [
      spec("validationActions"),
      ["Deny", "Warn"],
      'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    ],
    [spec("paramRef"), parameters],
    [
      spec("paramRef"),
      { parameterNotFoundAction: "Deny" },
      "spec.paramRef: Required value: one of name or selector must be specified",
    ],
    [
      spec("paramRef"),
      { ...parameters, selector: {} },
      "spec.paramRef.name: Forbidden: name and selector are mutually exclusive",
      "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive",
    ],
  ]);
});

test("flow schemas and priority levels", () => {
  const group = "flowcontrol.apiserver.k8s.io";
  const rules = {
    subjects: [{ kind: "User", user: { name: "alice" } }],
    resourceRules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"], namespaces: ["ns"] }],
  };
  const schema = { metadata, spec: { priorityLevelConfiguration: { name: "global-default" }, rules: [rules] } };
  const first = (...path: (string | number)[]) => ["spec", "rules", 0, ...path];
  checkCreate(group, "flowschemas", schema, [
    [
      ["spec", "matchingPrecedence"],
      1,
      "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    ],
    [
      ["spec", "matchingPrecedence"],
      10001,
      "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000",
    ],
    [
      ["spec", "priorityLevelConfiguration", "name"],
      "",
      "spec.priorityLevelConfiguration.name: Required value: must reference a priority level",
    ],
    [first("subjects"), [], "spec.rules[0].subjects: Required value: subjects must contain at least one value"],
    [
      first("subjects"),
      [{ kind: "Group", user: { name: "a" } }],
      "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
      "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
    ],
    [
      first("resourceRules", 0, "namespaces"),
      [],
      "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one namespace",
    ],
    [
      first("nonResourceRules"),
      [{ verbs: ["get"], nonResourceURLs: ["/a*"] }],
      'spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "/a*": wildcard can only do suffix matching',
    ],
  ]);
  const level = { metadata, spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } } };
  const queue = (queuing: object) => [["spec", "limited", "limitResponse"], { type: "Queue", queuing }] as const;
  const queuing = "spec.limited.limitResponse.queuing";
  checkCreate(group, "prioritylevelconfigurations", level, [
    [...queue({})],
    [
      ...queue({ queues: 4, handSize: 8 }),
      `${queuing}.handSize: Invalid value: 8: should not be greater than queues (4)`,
    ],
    [
      ...queue({ queues: 1024, handSize: 8 }),
      `${queuing}.handSize: Invalid value: 8: required entropy bits of deckSize 1024 and handSize 8 should not be greater than 60`,
    ],
    [["spec", "limited"], undefined, "spec.limited: Required value: must not be empty when type is Limited"],
    [
      ["spec", "type"],
      "Exempt",
      "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is 'exempt'",
      "spec.limited: Forbidden: must be nil if the type is not Limited",
    ],
  ]);
});

test("API services", () => {
  const service = {
    metadata: { name: "v1.a.io", resourceVersion: "1" },
    spec: {
      group: "a.io",
      version: "v1",
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { name: "s", namespace: "ns" },
    },
  };
  checkCreate("apiregistration.k8s.io", "apiservices", service, [
    [
      ["metadata", "name"],
      "v1",
      'metadata.name: Invalid value: "v1": must be `spec.version+"."+spec.group`: "v1.a.io"',
    ],
    [
      ["spec", "groupPriorityMinimum"],
      0,
      "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
    ],
    [
      ["spec", "versionPriority"],
      1001,
      "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000",
    ],
    [["spec", "service", "name"], "", "spec.service.name: Required value"],
    [["spec", "service"], undefined],
  ]);
});

const crd = {
  metadata: { name: "things.example.com", resourceVersion: "1" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "things", kind: "Thing" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
          },
        },
      },
    ],
  },
};
const version = (...path: (string | number)[]) => ["spec", "versions", 0, ...path];
const schema = (...path: (string | number)[]) => version("schema", "openAPIV3Schema", ...path);
const GROUP = "apiextensions.k8s.io";
const CRDS = "customresourcedefinitions";

test("custom resource definitions", () => {
  checkCreate(GROUP, CRDS, crd, [
    [["metadata", "name"], "thing", 'metadata.name: Invalid value: "thing": must be spec.names.plural+"."+spec.group'],
    [["spec", "scope"], "World", 'spec.scope: Unsupported value: "World": supported values: "Cluster", "Namespaced"'],
    [
      ["spec", "names", "listKind"],
      "Thing",
      'spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same',
    ],
    [version("schema"), undefined, "spec.versions[0].schema.openAPIV3Schema: Required value"],
    [
      version("storage"),
      false,
      `spec.versions: Invalid value: ${JSON.stringify([{ ...crd.spec.versions[0], storage: false }])}: must have exactly one version marked as storage version`,
      "status.storedVersions: Invalid value: []: must have at least one stored version",
    ],
    [version("additionalPrinterColumns"), [{ name: "Size", type: "integer", jsonPath: ".spec.size" }]],
    [
      version("additionalPrinterColumns"),
      [{ name: "Size", type: "int", jsonPath: "spec.size" }],
      'spec.additionalPrinterColumns[0].type: Invalid value: "int": must be one of boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.size": must be a simple json path starting with .',
    ],
    [
      version("subresources"),
      { scale: { specReplicasPath: ".status.a", statusReplicasPath: ".status.b" } },
      'spec.subresources.scale.specReplicasPath: Invalid value: ".status.a": should be a json path under .spec',
    ],
    [version("selectableFields"), [{ jsonPath: ".spec.size" }]],
    [
      version("selectableFields"),
      [{ jsonPath: ".spec" }],
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
    ],
    [
      ["spec", "conversion"],
      { strategy: "Webhook" },
      "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
      "spec.conversion.conversionReviewVersions: Required value",
    ],
  ]);
  checkUpdate(
    GROUP,
    CRDS,
    { ...crd, status: { storedVersions: ["v1"], conditions: [{ type: "Established", status: "True" }] } },
    [
      [["spec", "names", "shortNames"], ["th"]],
      [["spec", "scope"], "Cluster", 'spec.scope: Invalid value: "Cluster": field is immutable'],
      [["spec", "names", "kind"], "Other", 'spec.names.kind: Invalid value: "Other": field is immutable'],
      [
        version("name"),
        "v2",
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
      ],
    ],
  );
  const ours = changed(crd, ["spec", "group"], "x.k8s.io");
  assert.deepEqual(createErrors(GROUP, CRDS, { ...ours, metadata: { name: "things.x.k8s.io" } }), [
    'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
  ]);
});

test("schemas of custom resources", () => {
  const root = "spec.validation.openAPIV3Schema";
  const spec = `${root}.properties[spec]`;
  checkCreate(GROUP, CRDS, crd, [
    [schema("type"), undefined, `${root}.type: Required value: must not be empty at the root`],
    [
      schema("type"),
      "array",
      `${root}.items: Required value: must be specified`,
      `${root}.type: Invalid value: "array": must be object at the root`,
    ],
    [
      schema("properties", "spec", "type"),
      undefined,
      `${spec}.type: Required value: must not be empty for specified object fields`,
    ],
    [schema("properties", "spec"), { type: "object", "x-kubernetes-preserve-unknown-fields": true }],
    [schema("properties", "spec", "properties", "size"), { "x-kubernetes-int-or-string": true }],
    [
      schema("properties", "spec", "properties", "size"),
      { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
    ],
    [
      schema("anyOf"),
      [{ properties: { spec: { type: "object" } } }, { not: { properties: { spec: { properties: { gone: {} } } } } }],
      `${root}.anyOf[0].properties[spec].type: Forbidden: must be empty to be structural`,
      `${spec}.properties[gone]: Required value: because it is defined in ${root}.anyOf[1].not.properties[spec].properties[gone]`,
    ],
    [
      schema("properties", "spec", "properties", "size", "type"),
      "float",
      `${spec}.properties[size].type: Unsupported value: "float": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    ],
    [schema("properties", "spec", "$ref"), "#/x", `${spec}.$ref: Forbidden: $ref is not supported`],
    [
      schema("properties", "spec", "additionalProperties"),
      { type: "string" },
      `${spec}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
    ],
    [schema("properties", "metadata"), { type: "object", properties: { name: { type: "string", pattern: "^a" } } }],
    [
      schema("properties", "metadata"),
      { type: "object", properties: { labels: { type: "object" } } },
      `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`,
    ],
    [
      schema("properties", "apiVersion"),
      { type: "string", default: "v1" },
      `${root}.properties[apiVersion].default: Forbidden: must not be set in top-level apiVersion`,
    ],
    [
      schema("properties", "spec", "properties", "list"),
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        items: { type: "object", properties: { name: { type: "string" } } },
      },
      `${spec}.properties[list].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`,
    ],
    [
      schema("properties", "spec", "properties", "list"),
      {
        type: "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        items: { type: "object", properties: { name: { type: "string" } } },
      },
      `${spec}.properties[list].items.properties[name].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
    ],
    [
      schema("properties", "spec", "properties", "list"),
      { type: "string", "x-kubernetes-list-type": "set" },
      `${spec}.properties[list].type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`,
    ],
    [
      schema("properties", "spec", "x-kubernetes-validations"),
      [{ rule: "" }],
      `${spec}.x-kubernetes-validations[0].rule: Required value: rule is not specified`,
    ],
    [
      schema("properties", "spec", "properties", "size"),
      { type: "string", pattern: "(" },
      `${spec}.properties[size].pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``,
    ],
    [schema("properties", "spec", "properties", "size"), { type: "string", pattern: "(?i)^(?P<a>[\\w\\-]+)\\_$" }],
  ]);
  const withStatus = changed(crd, version("subresources"), { status: {} });
  const composed = changed(withStatus, schema("oneOf"), [{ required: ["spec"] }]);
  assert.match(
    createErrors(GROUP, CRDS, composed).join(),
    /only \[Description Type .*\] fields are allowed at the root of the schema if the status subresource is enabled/,
  );
});

test("devices", () => {
  const group = "resource.k8s.io";
  const claim = {
    metadata: { ...metadata, namespace: "ns" },
    spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu.example.com" } }] } },
  };
  const request = "spec.devices.requests[0]";
  const first = (...path: (string | number)[]) => ["spec", "devices", "requests", 0, ...path];
  const unknown =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  checkCreate(group, "resourceclaims", claim, [
    [
      first("exactly"),
      undefined,
      `${request}: Required value: exactly one of \`exactly\` or \`firstAvailable\` is required`,
    ],
    [first("exactly", "deviceClassName"), "", `${request}.exactly.deviceClassName: Required value`],
    [
      first("exactly", "allocationMode"),
      "Some",
      `${request}.exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`,
    ],
    [first("exactly", "count"), -1, `${request}.exactly.count: Invalid value: -1: must be greater than zero`],
    [
      first("exactly", "tolerations"),
      [{ operator: "Exists", value: "x" }],
      `${request}.exactly.tolerations[0].value: Invalid value: "x": must be empty for operator \`Exists\``,
    ],
    [
      ["spec", "devices", "constraints"],
      [{ requests: ["cpu"], matchAttribute: "a.io/model" }],
      `spec.devices.constraints[0].requests[0]: Invalid value: "cpu": ${unknown}`,
    ],
    [
      ["spec", "devices", "constraints"],
      [{ matchAttribute: "model" }],
      'spec.devices.constraints[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
    ],
    [["spec", "devices", "config"], [{}], "spec.devices.config[0].opaque: Required value"],
  ]);
  checkUpdate(group, "resourceclaims", claim, [
    [["spec", "devices"], {}, 'spec: Invalid value: {"devices":{}}: field is immutable'],
  ]);
  const result = { request: "gpu", driver: "a.io", pool: "n", device: "gpu-0" };
  const allocated = { allocation: { devices: { results: [result] } } };
  const consumer = { resource: "pods", name: "p", uid: "1" };
  checkUpdate(
    group,
    "resourceclaims",
    claim,
    [
      [["status"], { ...allocated, reservedFor: [consumer] }],
      [
        ["status"],
        { reservedFor: [consumer] },
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
      ],
      [
        ["status"],
        { allocation: { devices: { results: [{ ...result, request: "x" }] } } },
        `status.allocation.devices.results[0].request: Invalid value: "x": ${unknown}`,
      ],
    ],
    "status",
  );
  const slice = {
    metadata,
    spec: {
      driver: "a.io",
      nodeName: "n",
      pool: { name: "n", generation: 1, resourceSliceCount: 1 },
      devices: [{ name: "gpu-0", attributes: { model: { string: "x" } } }],
    },
  };
  const device = (...path: (string | number)[]) => ["spec", "devices", 0, ...path];
  checkCreate(group, "resourceslices", slice, [
    [
      ["spec", "nodeName"],
      undefined,
      "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
    ],
    [
      ["spec", "allNodes"],
      true,
      'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    ],
    [
      ["spec", "pool", "resourceSliceCount"],
      0,
      "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
    ],
    [
      device("attributes", "model"),
      {},
      'spec.devices[0].attributes[model]: Invalid value: "": exactly one value must be specified',
    ],
    [
      device("attributes", "model"),
      { version: "1" },
      'spec.devices[0].attributes[model].version: Invalid value: "1": must be a string compatible with semver.org spec 2.0.0',
    ],
    [
      device("taints"),
      [{ key: "a", effect: "Never" }],
      'spec.devices[0].taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
    ],
    [
      device("capacity"),
      { memory: { value: "1Gi", requestPolicy: {} } },
      "spec.devices[0].capacity[memory].requestPolicy: Forbidden: allowMultipleAllocations must be true",
    ],
    [
      device("nodeName"),
      "n",
      "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
    ],
  ]);
  checkUpdate(group, "resourceslices", slice, [
    [["spec", "pool", "generation"], 2],
    [["spec", "driver"], "b.io", 'spec.driver: Invalid value: "b.io": field is immutable'],
  ]);
  const deviceClass = { metadata, spec: { selectors: [{ cel: { expression: "true" } }] } };
  checkCreate(group, "deviceclasses", deviceClass, [
    [["spec", "selectors"], [{}], "spec.selectors[0].cel: Required value"],
    [
      ["spec", "extendedResourceName"],
      "gpu",
      'spec.extendedResourceName: Invalid value: "gpu": must be a valid extended resource name',
    ],
  ]);
});
