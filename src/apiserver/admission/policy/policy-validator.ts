import { RUNTIME_COST_BUDGET } from "../../../api/cel/limits.ts";
import type { ResourceType, UnknownObject } from "../../../api/object.ts";
import type { ValidatingAdmissionPolicy, Validation } from "../../../api/types/admissionregistration.v1.ts";
import type { Clock } from "../../../base/clock.ts";
import { BudgetExhausted, type CompiledExpression, evaluateExpression } from "../matching/evaluate-expression.ts";
import type { PolicyRequest } from "./policy-request.ts";
import { PolicyScope } from "./policy-scope.ts";

/** What one validation of a policy came to. */
export interface Decision {
  readonly admitted: boolean;
  /** Why not; also of an error that the policy ignores. */
  readonly message: string;
  /** The expression could not be evaluated. */
  readonly failed: boolean;
  /** The reason of the Status; Invalid unless told. */
  readonly reason?: string;
  readonly seconds: number;
}

/** What an audit annotation came to: a value, or what is wrong with it. */
export interface AnnotationOutcome {
  readonly key: string;
  readonly value?: string;
  readonly error?: string;
  readonly seconds: number;
}

export interface ValidationResult {
  readonly decisions: readonly Decision[];
  readonly annotations: readonly AnnotationOutcome[];
}

const NOTHING: ValidationResult = { decisions: [], annotations: [] };
/** Longer messages of expressions are not shown (5 KiB, as upstream). */
const MAX_MESSAGE_BYTES = 5 * 1024;

/** A ValidatingAdmissionPolicy, compiled. The compiler must have been loaded. */
export class PolicyValidator {
  readonly #policy: ValidatingAdmissionPolicy;
  readonly #scope: PolicyScope;
  readonly #validations: readonly CompiledExpression[];
  readonly #messages: readonly (CompiledExpression | undefined)[];
  readonly #annotations: readonly (CompiledExpression & { readonly key: string })[];

  constructor(policy: ValidatingAdmissionPolicy) {
    this.#policy = policy;
    this.#scope = new PolicyScope(policy);
    const { validations = [], auditAnnotations = [] } = policy.spec ?? {};
    this.#validations = validations.map(({ expression }) => this.#scope.compile(expression, { resultTypes: ["bool"] }));
    this.#messages = validations.map(({ messageExpression }) =>
      messageExpression
        ? this.#scope.compile(messageExpression, { resultTypes: ["string"] }, { authorizer: false })
        : undefined,
    );
    this.#annotations = auditAnnotations.map(({ key, valueExpression }) => ({
      key,
      ...this.#scope.compile(valueExpression, { resultTypes: ["string", "null_type"] }),
    }));
  }

  get #ignoresFailures(): boolean {
    return this.#policy.spec?.failurePolicy === "Ignore";
  }

  /** Evaluates all of the policy on a write, as `resource` shows it, with one object of parameters. */
  async validate(
    request: PolicyRequest,
    resource: ResourceType,
    params: UnknownObject | null,
    clock: Clock,
  ): Promise<ValidationResult> {
    const { matchConditions = [], paramKind } = this.#policy.spec ?? {};
    if (matchConditions.length > 0) {
      const shown = await request.versions.of(resource);
      const known = paramKind ? params : undefined;
      const { matches, errors } = await request.matchConditions(matchConditions, shown, known);
      if (matches === false || (matches === undefined && this.#ignoresFailures)) return NOTHING;
      if (matches === undefined) return { ...NOTHING, decisions: [this.#failure(aggregate(errors), 0)] };
    }
    try {
      const decisions = await this.#decide(request, resource, params, clock);
      return { decisions, annotations: await this.#annotate(request, resource, params, clock) };
    } catch (error) {
      if (error instanceof BudgetExhausted) return { ...NOTHING, decisions: [this.#failure(error.message, 0)] };
      throw error;
    }
  }

  #failure(message: string, seconds: number): Decision {
    return { admitted: this.#ignoresFailures, failed: true, message, seconds };
  }

  async #decide(
    request: PolicyRequest,
    resource: ResourceType,
    params: UnknownObject | null,
    clock: Clock,
  ): Promise<Decision[]> {
    const budget = { remaining: RUNTIME_COST_BUDGET };
    const bindings = await request.bindings(this.#scope, resource, params, budget);
    const outcomes: { error?: string | undefined; value?: unknown; seconds: number }[] = [];
    for (const validation of this.#validations) {
      const started = clock.monotonic();
      const outcome = await evaluateExpression(validation, bindings, budget);
      outcomes.push({ ...outcome, seconds: (clock.monotonic() - started) / 1000 });
    }
    let messages: (index: number) => Promise<string> = async () => "";
    if (outcomes.some(({ error, value }) => error === undefined && value !== true)) {
      const messageBindings = await request.bindings(this.#scope, resource, params, budget, { authorizer: false });
      messages = async (index) => {
        const compiled = this.#messages[index];
        if (!compiled) return "";
        const { error, ...rest } = await evaluateExpression(compiled, messageBindings, budget);
        return error === undefined && "value" in rest ? shownMessage(rest.value) : "";
      };
    }
    const decisions: Decision[] = [];
    for (const [index, { error, value, seconds }] of outcomes.entries()) {
      if (error !== undefined) decisions.push(this.#failure(error, seconds));
      else if (value === true) decisions.push({ admitted: true, failed: false, message: "", seconds });
      else decisions.push(await this.#denial(index, seconds, messages));
    }
    return decisions;
  }

  async #denial(index: number, seconds: number, messages: (index: number) => Promise<string>): Promise<Decision> {
    const { expression, message = "", reason } = this.#policy.spec!.validations![index] as Validation;
    try {
      const text = (await messages(index)) || message.trim() || `failed expression: ${expression.trim()}`;
      return { admitted: false, failed: false, message: text, seconds, ...(reason ? { reason } : {}) };
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      return this.#failure(`failed messageExpression: ${error.message}`, seconds);
    }
  }

  async #annotate(
    request: PolicyRequest,
    resource: ResourceType,
    params: UnknownObject | null,
    clock: Clock,
  ): Promise<AnnotationOutcome[]> {
    if (this.#annotations.length === 0) return [];
    const budget = { remaining: RUNTIME_COST_BUDGET };
    const bindings = await request.bindings(this.#scope, resource, params, budget);
    const outcomes: AnnotationOutcome[] = [];
    for (const annotation of this.#annotations) {
      const { key } = annotation;
      const started = clock.monotonic();
      const { error, ...rest } = await evaluateExpression(annotation, bindings, budget);
      const seconds = (clock.monotonic() - started) / 1000;
      if (error !== undefined) {
        if (!this.#ignoresFailures) outcomes.push({ key, error, seconds });
        continue;
      }
      const value = "value" in rest && typeof rest.value === "string" ? rest.value.trim() : "";
      if (value !== "") outcomes.push({ key, value, seconds });
    }
    return outcomes;
  }
}

/** The message that an expression gave; empty where it may not be shown. */
function shownMessage(value: unknown): string {
  if (typeof value !== "string") return "";
  const text = value.trim();
  return text.includes("\n") || Buffer.byteLength(text) > MAX_MESSAGE_BYTES ? "" : text;
}

/** Several errors as Go lists them. */
function aggregate(errors: readonly Error[]): string {
  const messages = [...new Set(errors.map(({ message }) => message))];
  return messages.length === 1 ? messages[0]! : `[${messages.join(", ")}]`;
}
