/**
 * ValidatingAdmissionPolicy (KEP-3488): policies of CEL expressions, put to use by bindings, that refuse writes, warn of
 * them or note them in the audit log.
 */
import { loadCel } from "../../../api/cel/load.ts";
import { validatingAdmissionPolicies, validatingAdmissionPolicyBindings } from "../../../api/resource-types.ts";
import { StatusError } from "../../../api/status-error.ts";
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from "../../../api/types/admissionregistration.v1.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../admission.ts";
import { refusal } from "../refusal.ts";
import { AuditAnnotations } from "./audit-annotations.ts";
import { concernsPolicies, matchResources } from "./policy-matching.ts";
import { type PolicyMetrics, policyMetrics } from "./policy-metrics.ts";
import { collectParams, resourceOfKind } from "./policy-params.ts";
import { PolicyRequest } from "./policy-request.ts";
import type { PolicyServices } from "./policy-services.ts";
import { type Decision, PolicyValidator } from "./policy-validator.ts";
import { type BoundPolicy, RegisteredPolicies } from "./registered-policies.ts";

type Bound = BoundPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, PolicyValidator>;

/** The first of these ends the request. */
interface Denial {
  readonly policy: string;
  /** Absent where the policy itself cannot be used. */
  readonly binding?: string;
  readonly message: string;
  readonly reason?: string;
}

export function validatingAdmissionPolicy(services: PolicyServices): AdmissionPlugin {
  const types = { policies: validatingAdmissionPolicies, bindings: validatingAdmissionPolicyBindings };
  const registered = new RegisteredPolicies(types, services.lookup, (policy) => new PolicyValidator(policy));
  const metrics = policyMetrics(services.metrics, "validating");
  return {
    name: "ValidatingAdmissionPolicy",
    handles: (attributes) => registered.all.length > 0 && concernsPolicies(attributes),
    async validate(attributes) {
      await loadCel();
      const request = new PolicyRequest(attributes, services);
      const denials: Denial[] = [];
      for (const bound of registered.all) denials.push(...(await new Run(bound, request, services, metrics).deny()));
      if (denials.length > 0) throw denied(attributes, denials[0]!);
    },
    start: () => registered.start(),
    stop: () => registered.stop(),
  };
}

/** One policy on one write. */
class Run {
  readonly #bound: Bound;
  readonly #request: PolicyRequest;
  readonly #services: PolicyServices;
  readonly #metrics: PolicyMetrics;
  readonly #annotations = new AuditAnnotations();
  readonly #denials: Denial[] = [];

  constructor(bound: Bound, request: PolicyRequest, services: PolicyServices, metrics: PolicyMetrics) {
    this.#bound = bound;
    this.#request = request;
    this.#services = services;
    this.#metrics = metrics;
  }

  async deny(): Promise<readonly Denial[]> {
    const { policy, bindings } = this.#bound;
    const { attributes, versions } = this.#request;
    const { lookup, catalogue } = this.#services;
    let resource: Awaited<ReturnType<typeof matchResources>>;
    try {
      resource = await matchResources(policy.spec?.matchConstraints ?? {}, attributes, versions, lookup);
      if (!resource) return [];
      if (policy.spec?.paramKind) resourceOfKind(policy.spec.paramKind, catalogue);
    } catch (error) {
      this.#misconfigured("policy", error);
      return this.#denials;
    }
    for (const binding of bindings) {
      try {
        const { matchResources: match, paramRef } = binding.spec ?? {};
        if (match && !(await matchResources(match, attributes, versions, lookup))) continue;
        const kind = policy.spec?.paramKind;
        const params = await collectParams(kind, paramRef, attributes.namespace ?? "", catalogue, lookup);
        for (const one of params) {
          const result = await this.#bound.compiled.validate(this.#request, resource, one, this.#services.clock);
          for (const [index, decision] of result.decisions.entries()) this.#settle(decision, index, binding);
          for (const outcome of result.annotations) {
            if (outcome.value !== undefined) this.#annotations.add(outcome.key, outcome.value);
            else {
              this.#denials.push({ policy: this.#bound.name, binding: nameOf(binding), message: outcome.error! });
              this.#metrics.checked(this.#bound.name, nameOf(binding), "deny", outcome.seconds, outcome.error);
            }
          }
        }
      } catch (error) {
        // A namespace that is gone ends the request, whatever the policy.
        if (error instanceof StatusError) throw error;
        this.#misconfigured("binding", error, nameOf(binding));
      }
    }
    this.#annotations.publish(this.#bound.name, attributes);
    return this.#denials;
  }

  /** A policy or a binding that cannot be used counts as one that refuses, unless its failures are ignored. */
  #misconfigured(what: "policy" | "binding", error: unknown, binding?: string): void {
    if (!(error instanceof Error)) throw error;
    if (this.#bound.policy.spec?.failurePolicy === "Ignore") return;
    const message = `failed to configure ${what}: ${error.message}`;
    this.#denials.push({ policy: this.#bound.name, message, ...(binding === undefined ? {} : { binding }) });
  }

  #settle(decision: Decision, index: number, binding: ValidatingAdmissionPolicyBinding): void {
    const { name: policy } = this.#bound;
    const { attributes } = this.#request;
    const { message, seconds, failed, reason } = decision;
    const error = failed ? message : undefined;
    if (decision.admitted) {
      if (failed) this.#metrics.checked(policy, nameOf(binding), "allow", seconds, error);
      return;
    }
    // The metrics take the message of a refusal for an error too, as upstream's do.
    for (const action of binding.spec?.validationActions ?? []) {
      if (action === "Deny") {
        this.#denials.push({ policy, binding: nameOf(binding), message, ...(reason ? { reason } : {}) });
      } else if (action === "Warn") {
        attributes.warn(
          `Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${nameOf(binding)}': ${message}`,
        );
      } else {
        const failure = {
          message,
          policy: binding.spec?.policyName,
          binding: nameOf(binding),
          expressionIndex: index,
          validationActions: binding.spec?.validationActions,
        };
        attributes.annotate?.("validation.policy.admission.k8s.io/validation_failure", JSON.stringify([failure]));
      }
      const label = action.toLowerCase() as "deny" | "warn" | "audit";
      this.#metrics.checked(policy, nameOf(binding), label, seconds, message);
    }
  }
}

const nameOf = ({ metadata }: ValidatingAdmissionPolicyBinding): string => metadata?.name ?? "";

const CODES: Readonly<Record<string, number>> = {
  Forbidden: 403,
  Unauthorized: 401,
  RequestEntityTooLarge: 413,
  Invalid: 422,
};

function denied(
  attributes: AdmissionAttributes,
  { policy, binding, message, reason = "Invalid" }: Denial,
): StatusError {
  const by = binding === undefined ? "" : ` with binding '${binding}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const { status } = refusal(attributes, text, { message: text });
  return new StatusError({ ...status, reason, code: CODES[reason] ?? 422 });
}
