import assert from "node:assert/strict";
import { test } from "node:test";
import { validatingAdmissionPolicies } from "../../api/resource-types.ts";
import type { ValidatingAdmissionPolicy } from "../../api/types/admissionregistration.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { validatingAdmissionPolicyStatusController } from "./controller.ts";

const policy = (expression: string, generation: number): ValidatingAdmissionPolicy => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: "p", generation },
  spec: {
    matchConstraints: {
      resourceRules: [{ operations: ["*"], apiGroups: ["apps"], apiVersions: ["v1"], resources: ["deployments"] }],
    },
    validations: [{ expression }],
  },
});

test("the status tells of each change of the spec once, and warnings go when their cause does", () =>
  withControllers(
    validatingAdmissionPolicyStatusController,
    { objects: [policy("object.spec.replicas > '1'", 1)] },
    async (bench) => {
      const status = () => bench.fake.peek(validatingAdmissionPolicies, "p")?.status;
      assert.equal(status()?.observedGeneration, 1);
      const [warning] = status()?.typeChecking?.expressionWarnings ?? [];
      assert.equal(warning?.fieldRef, "spec.validations[0].expression");
      assert.match(warning?.warning ?? "", /^apps\/v1, Kind=Deployment: ERROR: <input>:1:22: /);
      await bench.assertQuiet();
      bench.fake.put(validatingAdmissionPolicies, { ...policy("object.spec.replicas > 1", 2), status: status()! });
      await bench.settle();
      assert.deepEqual(status(), { observedGeneration: 2, typeChecking: {} });
      await bench.assertQuiet();
    },
  ));
