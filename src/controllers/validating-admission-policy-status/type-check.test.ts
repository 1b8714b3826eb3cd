import assert from "node:assert/strict";
import { before, test } from "node:test";
import { loadCel } from "../../api/cel/load.ts";
import { schemaOf } from "../../api/schema/schema.ts";
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
} from "../../api/types/admissionregistration.v1.ts";
import { type Kind, namedResources, typeCheck } from "./type-check.ts";

before(() => loadCel());

const typed = (group: string, version: string, kind: string) => {
  const gvk: Kind = { group, version, kind };
  return { ...gvk, type: schemaOf(gvk)! };
};
const policy = (spec: ValidatingAdmissionPolicySpec): ValidatingAdmissionPolicy => ({ spec });

test("expressions that fit their kinds", () => {
  const validations = [
    { expression: "object.spec.replicas > 1 && oldObject.spec.replicas > 0" },
    { expression: "object.metadata.creationTimestamp < timestamp('2100-01-01T00:00:00Z')" },
    { expression: "object.spec.template.spec.containers.all(c, c.image.startsWith(variables.registry))" },
    { expression: "has(object.metadata.labels) && object.metadata.labels['a'] == 'b'", messageExpression: "'x'" },
    { expression: "params.data['a'] == 'b' && authorizer.path('/').check('get').allowed()" },
  ];
  const variables = [{ name: "registry", expression: "object.metadata.name + '/'" }];
  const paramKind = { apiVersion: "v1", kind: "ConfigMap" };
  const found = typeCheck(
    policy({ validations, variables, paramKind }),
    [typed("apps", "v1", "Deployment"), typed("apps", "v1", "ReplicaSet")],
    schemaOf({ group: "", version: "v1", kind: "ConfigMap" }),
  );
  assert.deepEqual(found, []);
});

test("expressions that do not, with each kind that they do not fit", () => {
  const validations = [
    { expression: "object.spec.replicas > '1'" },
    { expression: "object.spec.minReadySeconds > 1", messageExpression: "object.nope" },
  ];
  const kinds = [typed("apps", "v1", "StatefulSet"), typed("", "v1", "ReplicationController")];
  assert.deepEqual(typeCheck(policy({ validations }), [kinds[0]!], undefined), [
    {
      fieldRef: "spec.validations[0].expression",
      warning:
        "apps/v1, Kind=StatefulSet: ERROR: <input>:1:22: found no matching overload for '_>_' applied to " +
        "'(int, string)'\n | object.spec.replicas > '1'\n | .....................^\n",
    },
    {
      fieldRef: "spec.validations[1].messageExpression",
      warning: "apps/v1, Kind=StatefulSet: ERROR: <input>:1:7: undefined field 'nope'\n | object.nope\n | ......^\n",
    },
  ]);
  const [first] = typeCheck(policy({ validations: [validations[0]!] }), kinds, undefined);
  assert.deepEqual(first?.warning.match(/^.*Kind=\w+/gm), [
    "/v1, Kind=ReplicationController",
    "apps/v1, Kind=StatefulSet",
  ]);
});

test("which resources the rules name", () => {
  const rule = { operations: ["*"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] };
  const resourceRules = [
    { ...rule, resources: ["statefulsets", "deployments/scale", "deployments"] },
    { ...rule, apiGroups: ["*"] },
    { ...rule, apiVersions: ["*"] },
    { ...rule, resources: ["*"] },
  ];
  assert.deepEqual(namedResources(policy({ matchConstraints: { resourceRules } })), [
    { group: "apps", version: "v1", resource: "deployments" },
    { group: "apps", version: "v1", resource: "statefulsets" },
  ]);
});
