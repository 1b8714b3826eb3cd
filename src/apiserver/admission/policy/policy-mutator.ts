import type { CelValue } from "../../../api/cel/cel.ts";
import { CelError } from "../../../api/cel/cel-error.ts";
import { RUNTIME_COST_BUDGET } from "../../../api/cel/limits.ts";
import { cel } from "../../../api/cel/load.ts";
import type { ResourceType, UnknownObject } from "../../../api/object.ts";
import { JsonPatchError, jsonPatch, type Operation } from "../../../api/patch/json-patch.ts";
import { MUTATIONS } from "../../../api/resources/admissionregistration/expressions.ts";
import type { StructType } from "../../../api/schema/schema.ts";
import type { MutatingAdmissionPolicy } from "../../../api/types/admissionregistration.v1.ts";
import { BudgetExhausted, type CompiledExpression } from "../matching/evaluate-expression.ts";
import { applyConfiguration } from "./apply-configuration.ts";
import type { PolicyRequest } from "./policy-request.ts";
import { PolicyScope } from "./policy-scope.ts";

type Mutation = CompiledExpression & { readonly patchType: keyof typeof MUTATIONS };

/** A mutation that could not be made; the policy's failurePolicy decides what comes of it. */
export class MutationFailure extends Error {}

/** A MutatingAdmissionPolicy, compiled. The compiler must have been loaded. */
export class PolicyMutator {
  readonly #scope: PolicyScope;
  readonly #mutations: readonly Mutation[];

  constructor(policy: MutatingAdmissionPolicy) {
    this.#scope = new PolicyScope(policy);
    this.#mutations = (policy.spec?.mutations ?? []).map((mutation) => {
      const patchType = mutation.patchType === "JSONPatch" ? "JSONPatch" : "ApplyConfiguration";
      const source = patchType === "JSONPatch" ? mutation.jsonPatch : mutation.applyConfiguration;
      return { patchType, ...this.#scope.compile(source?.expression ?? "", MUTATIONS[patchType]) };
    });
  }

  get count(): number {
    return this.#mutations.length;
  }

  /** What the object of a write, as `resource` shows it, becomes by one mutation. Throws MutationFailure. */
  async mutate(
    index: number,
    request: PolicyRequest,
    resource: ResourceType,
    schema: StructType | undefined,
    params: UnknownObject | null,
  ): Promise<unknown> {
    const mutation = this.#mutations[index]!;
    const result = await this.#evaluate(mutation, request, resource, params);
    const object = (await request.versions.of(resource)).object!;
    return mutation.patchType === "JSONPatch" ? patched(object, result) : applied(object, result, schema);
  }

  async #evaluate(
    { program, expression }: Mutation,
    request: PolicyRequest,
    resource: ResourceType,
    params: UnknownObject | null,
  ): Promise<CelValue> {
    if (program instanceof CelError) throw new MutationFailure(program.detail);
    const budget = { remaining: RUNTIME_COST_BUDGET };
    const bindings = await request.bindings(this.#scope, resource, params, budget);
    try {
      const result = await program.evaluateToValue(bindings, budget);
      if (budget.remaining < 0) throw new MutationFailure(new BudgetExhausted().message);
      return result;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (budget.remaining < 0) throw new MutationFailure(new BudgetExhausted().message);
      throw new MutationFailure(`expression '${expression}' resulted in error: ${error.message}`);
    }
  }
}

function applied(object: UnknownObject, result: CelValue, schema: StructType | undefined): unknown {
  checkNames(result);
  try {
    return applyConfiguration(object, result.toJson() as UnknownObject, schema);
  } catch (error) {
    throw new MutationFailure((error as Error).message, { cause: error });
  }
}

function patched(object: UnknownObject, result: CelValue): unknown {
  for (const value of cel().patchValues(result)) checkNames(value);
  try {
    return jsonPatch(object, result.toJson() as Operation[]);
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error;
    // A patch whose test does not hold is not applied, and that is no failure.
    if (error.message.endsWith("test failed")) return object;
    throw new MutationFailure(`JSON Patch: ${error.message}`, { cause: error });
  }
}

function checkNames(value: CelValue): void {
  const problem = cel().typeNameProblem(value);
  if (problem !== undefined) throw new MutationFailure(`type mismatch: ${problem}`);
}
