import type { KubeObject, ResourceType } from "../../../api/object.ts";
import type {
  MatchCondition,
  MatchResources,
  ParamKind,
  ParamRef,
  Variable,
} from "../../../api/types/admissionregistration.v1.ts";
import type { Following, Lookup } from "../../lookup.ts";

/** What policies of both kinds have. */
export interface PolicyObject extends KubeObject {
  spec?: {
    failurePolicy?: string;
    matchConditions?: MatchCondition[];
    matchConstraints?: MatchResources;
    paramKind?: ParamKind;
    variables?: Variable[];
  };
}
export interface BindingObject extends KubeObject {
  spec?: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources };
}

/** A policy that is put to use, with what puts it to use. */
export interface BoundPolicy<P, B, C> {
  readonly name: string;
  readonly policy: P;
  readonly bindings: readonly B[];
  /** Made on the first use. */
  readonly compiled: C;
}

/**
 * The policies that have a binding, as the watch cache has them, by name; their bindings by name too. `compile` is called
 * once for each state of a policy.
 */
export class RegisteredPolicies<P extends PolicyObject, B extends BindingObject, C> {
  readonly #types: { readonly policies: ResourceType<P>; readonly bindings: ResourceType<B> };
  readonly #lookup: Lookup;
  readonly #compile: (policy: P) => C;
  readonly #policies = new Map<string, { readonly policy: P; readonly compiled: () => C }>();
  readonly #bindings = new Map<string, B>();
  readonly #following: Following[] = [];
  #all: readonly BoundPolicy<P, B, C>[] = [];

  constructor(
    types: { readonly policies: ResourceType<P>; readonly bindings: ResourceType<B> },
    lookup: Lookup,
    compile: (policy: P) => C,
  ) {
    this.#types = types;
    this.#lookup = lookup;
    this.#compile = compile;
  }

  get all(): readonly BoundPolicy<P, B, C>[] {
    return this.#all;
  }

  async start(): Promise<void> {
    const { policies, bindings } = this.#types;
    const following = await Promise.all([
      this.#lookup.follow(policies, {
        put: (policy, key) => this.#changed(() => this.#policies.set(key, this.#lazily(policy))),
        remove: (key) => this.#changed(() => this.#policies.delete(key)),
      }),
      this.#lookup.follow(bindings, {
        put: (binding, key) => this.#changed(() => this.#bindings.set(key, binding)),
        remove: (key) => this.#changed(() => this.#bindings.delete(key)),
      }),
    ]);
    this.#following.push(...following);
  }

  stop(): void {
    for (const one of this.#following.splice(0)) one.stop();
  }

  #lazily(policy: P): { readonly policy: P; readonly compiled: () => C } {
    let compiled: C | undefined;
    return {
      policy,
      compiled: () => {
        compiled ??= this.#compile(policy);
        return compiled;
      },
    };
  }

  #changed(change: () => void): void {
    change();
    const byPolicy = Map.groupBy(
      [...this.#bindings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, binding]) => binding),
      ({ spec }) => spec?.policyName ?? "",
    );
    this.#all = [...this.#policies.keys()].sort().flatMap((name) => {
      const bindings = byPolicy.get(name);
      if (!bindings) return [];
      const { policy, compiled } = this.#policies.get(name)!;
      return [
        {
          name,
          policy,
          bindings,
          get compiled() {
            return compiled();
          },
        },
      ];
    });
  }
}
