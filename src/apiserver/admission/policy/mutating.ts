/**
 * MutatingAdmissionPolicy (KEP-3962): policies of CEL expressions, put to use by bindings, that change what is written, by
 * configurations that are applied or by JSON patches.
 */
import { loadCel } from "../../../api/cel/load.ts";
import { jsonEqual } from "../../../api/json-equal.ts";
import type { ResourceType, UnknownObject } from "../../../api/object.ts";
import { mutatingAdmissionPolicies, mutatingAdmissionPolicyBindings } from "../../../api/resource-types.ts";
import { schemaOf } from "../../../api/schema/schema.ts";
import { StatusError } from "../../../api/status-error.ts";
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from "../../../api/types/admissionregistration.v1.ts";
import { cloneJson } from "../../../base/clone.ts";
import type { AdmissionAttributes, AdmissionPlugin, Reinvocation } from "../admission.ts";
import { refusal } from "../refusal.ts";
import { concernsPolicies, matchResources } from "./policy-matching.ts";
import { type PolicyMetrics, policyMetrics } from "./policy-metrics.ts";
import { MutationFailure, PolicyMutator } from "./policy-mutator.ts";
import { collectParams, resourceOfKind } from "./policy-params.ts";
import { PolicyRequest } from "./policy-request.ts";
import type { PolicyServices } from "./policy-services.ts";
import { type BoundPolicy, RegisteredPolicies } from "./registered-policies.ts";

type Bound = BoundPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, PolicyMutator>;

/** A policy that is to change a write, by one of its bindings with one object of parameters. */
interface Invocation {
  readonly bound: Bound;
  readonly binding: string;
  readonly resource: ResourceType;
  readonly params: UnknownObject | null;
  /** Tells it from all others. */
  readonly key: string;
}

/** What could not be done, and counts where the policy does not ignore it. */
interface Problem {
  readonly bound: Bound;
  readonly binding?: string;
  readonly message: string;
  readonly reason?: string;
}

export function mutatingAdmissionPolicy(services: PolicyServices): AdmissionPlugin {
  const types = { policies: mutatingAdmissionPolicies, bindings: mutatingAdmissionPolicyBindings };
  const registered = new RegisteredPolicies(types, services.lookup, (policy) => new PolicyMutator(policy));
  const metrics = policyMetrics(services.metrics, "mutating");
  const plugin: AdmissionPlugin = {
    name: "MutatingAdmissionPolicy",
    handles: (attributes) =>
      registered.all.length > 0 && attributes.object !== undefined && concernsPolicies(attributes),
    async admit(attributes, reinvocation) {
      await loadCel();
      const state = reinvocation.state(plugin, () => new ReinvocationState());
      if (reinvocation.round > 0 && !jsonEqual(state.lastOutput, attributes.object)) state.requireAgain();
      const problems: Problem[] = [];
      const run = new Run({ request: new PolicyRequest(attributes, services), services, metrics, problems });
      try {
        for (const invocation of await run.invocations(registered.all)) {
          await run.invoke(invocation, state, reinvocation);
        }
      } finally {
        state.lastOutput = attributes.object && cloneJson(attributes.object);
      }
      const counted = problems.filter(({ bound }) => bound.policy.spec?.failurePolicy !== "Ignore");
      if (counted.length > 0) throw denied(attributes, counted);
    },
    start: () => registered.start(),
    stop: () => registered.stop(),
  };
  return plugin;
}

/** Which policies are to be asked again, as the object changed after they had seen it. */
class ReinvocationState {
  lastOutput: unknown;
  readonly again = new Set<string>();
  #asked = new Set<string>();

  asked(key: string): void {
    this.#asked.add(key);
  }
  requireAgain(): void {
    for (const key of this.#asked) this.again.add(key);
    this.#asked = new Set();
  }
}

interface Context {
  readonly request: PolicyRequest;
  readonly services: PolicyServices;
  readonly metrics: PolicyMetrics;
  readonly problems: Problem[];
}

class Run {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Which policies are to change the write; what they match is judged before any of them has changed it. */
  async invocations(policies: readonly Bound[]): Promise<readonly Invocation[]> {
    const found: Invocation[] = [];
    for (const bound of policies) found.push(...(await this.#invocationsOf(bound)));
    return found;
  }

  async #invocationsOf(bound: Bound): Promise<readonly Invocation[]> {
    const { request, services, problems } = this.#context;
    const { attributes, versions } = request;
    const { lookup, catalogue } = services;
    const { paramKind, matchConstraints = {} } = bound.policy.spec ?? {};
    let resource: ResourceType | undefined;
    try {
      resource = await matchResources(matchConstraints, attributes, versions, lookup);
      if (!resource) return [];
      if (paramKind) resourceOfKind(paramKind, catalogue);
    } catch (error) {
      problems.push({ bound, message: `failed to configure policy: ${messageOf(error)}` });
      return [];
    }
    const found: Invocation[] = [];
    for (const { metadata, spec } of bound.bindings) {
      const binding = metadata?.name ?? "";
      try {
        if (spec?.matchResources && !(await matchResources(spec.matchResources, attributes, versions, lookup)))
          continue;
        const namespace = attributes.namespace ?? "";
        for (const params of await collectParams(paramKind, spec?.paramRef, namespace, catalogue, lookup)) {
          const key = JSON.stringify([bound.name, binding, params?.metadata?.namespace, params?.metadata?.name]);
          found.push({ bound, binding, resource, params, key });
        }
      } catch (error) {
        problems.push({ bound, binding, message: `failed to configure binding: ${messageOf(error)}` });
      }
    }
    return found;
  }

  /** Lets one policy change the write. Throws the StatusError that ends the request whatever the policy says. */
  async invoke(invocation: Invocation, state: ReinvocationState, reinvocation: Reinvocation): Promise<void> {
    const { bound, binding, key } = invocation;
    if (!(await this.#conditionsHold(invocation))) return;
    if (reinvocation.round > 0 && !state.again.has(key)) return;
    const { clock } = this.#context.services;
    let changed = false;
    for (let index = 0; index < bound.compiled.count; index += 1) {
      const started = clock.monotonic();
      let failure: MutationFailure | undefined;
      try {
        changed = (await this.#mutate(index, invocation)) || changed;
      } catch (error) {
        if (!(error instanceof MutationFailure)) throw error;
        failure = error;
        this.#context.problems.push({ bound, binding, message: error.message, reason: "Invalid" });
      }
      const seconds = (clock.monotonic() - started) / 1000;
      this.#context.metrics.checked(bound.name, binding, failure ? "deny" : "allow", seconds, failure?.message);
    }
    if (changed) {
      state.requireAgain();
      reinvocation.request();
    }
    if (bound.policy.spec?.reinvocationPolicy === "IfNeeded") state.asked(key);
  }

  async #conditionsHold({ bound, binding, resource, params }: Invocation): Promise<boolean> {
    const { request, problems } = this.#context;
    const { matchConditions = [], paramKind } = bound.policy.spec ?? {};
    if (matchConditions.length === 0) return true;
    const shown = await request.versions.of(resource);
    const known = paramKind ? params : undefined;
    const { matches, errors } = await request.matchConditions(matchConditions, shown, known);
    if (matches === undefined) {
      const messages = errors.map(({ message }) => message);
      const message = messages.length === 1 ? messages[0]! : `[${messages.join(", ")}]`;
      problems.push({ bound, binding, message, reason: "Invalid" });
    }
    return matches === true;
  }

  /** Whether the object changed. */
  async #mutate(index: number, { bound, resource, params }: Invocation): Promise<boolean> {
    const { request, services } = this.#context;
    const { group, version, resource: plural } = resource;
    const kind = request.versions.kindOf(resource);
    const served = request.attributes.kind ? undefined : services.catalogue.find(group, version, plural);
    const value = await bound.compiled.mutate(index, request, resource, served?.schema ?? schemaOf(kind), params);
    try {
      return await request.versions.replace(resource, value);
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 400) throw error;
      throw new MutationFailure(error.message, { cause: error });
    }
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  throw error;
}

function denied(attributes: AdmissionAttributes, problems: readonly Problem[]): StatusError {
  const messages = problems.map(({ bound, binding, message }) =>
    binding === undefined
      ? `policy ${JSON.stringify(bound.name)} denied request: ${message}`
      : `policy '${bound.name}' with binding '${binding}' denied request: ${message}`,
  );
  const { status } = refusal(attributes, "");
  return new StatusError({
    ...status,
    message: messages[0]!,
    reason: problems[0]!.reason ?? status.reason,
    details: { ...status.details, causes: messages.map((message) => ({ message })) },
  });
}
