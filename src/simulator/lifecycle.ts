import { parseDuration } from "../api/duration.ts";
import type { UnknownObject } from "../api/object.ts";
import type { Random } from "../base/random.ts";
import { parse as parseYaml } from "../base/yaml.ts";
import type { PatchType } from "../client/client.ts";
import { compileQuery } from "./expressions/query.ts";
import { compileTemplate } from "./expressions/template.ts";
import type { TemplateFunctions } from "./expressions/template-values.ts";
import {
  type ExpressionFrom,
  type Requirement,
  type Stage,
  type StageDelay,
  StageError,
  type StageEvent,
  type StageFinalizers,
  type StagePatch,
  type StageSelector,
  type StageStep,
} from "./stage.ts";

/** What is done to an object at the end of a stage, in order. */
export type Action =
  | { readonly do: "event"; readonly event: StageEvent }
  | { readonly do: "delete" }
  | {
      readonly do: "patch";
      readonly type: PatchType;
      readonly subresource: string | undefined;
      readonly body: unknown;
    };

/** A stage, ready to be asked about objects. */
export interface CompiledStage {
  readonly name: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly immediateNextStage: boolean;
  selects(object: UnknownObject): boolean;
  /** Undefined where the expression for it gives nothing. */
  weight(object: UnknownObject): number | undefined;
  /** How long the object stays, in ms from `now` (wall time). */
  delayMs(object: UnknownObject, now: number, random: Random): number;
  /** `functions` are the template functions that know this object's node. Throws a StageError. */
  actions(object: UnknownObject, functions: TemplateFunctions): Action[];
}

/** Throws a StageError that names the stage and the field. `functions` are those that its templates may call. */
export function compileStage(stage: Stage, functions: TemplateFunctions): CompiledStage {
  const { spec } = stage;
  const name = stage.metadata.name ?? "";
  const attempt = <T>(field: string, compile: () => T): T => {
    try {
      return compile();
    } catch (error) {
      throw new StageError(`stage ${name}: ${field}: ${(error as Error).message}`, { cause: error });
    }
  };
  const steps = stepsOf(stage).map((step, index) =>
    attempt(`step ${index}`, () => compileStep(step, spec.resourceRef.kind, functions)),
  );
  const weightFrom = attempt("weightFrom", () => expression(spec.weightFrom));
  return {
    name,
    apiVersion: spec.resourceRef.apiGroup || "v1",
    kind: spec.resourceRef.kind,
    immediateNextStage: spec.immediateNextStage ?? false,
    selects: attempt("selector", () => selector(spec.selector)),
    weight(object) {
      const [value] = weightFrom?.(object) ?? [];
      if (value === undefined) return spec.weight ?? (weightFrom ? undefined : 0);
      const number = Number(value);
      return Number.isInteger(number) ? number : undefined;
    },
    delayMs: attempt("delay", () => delay(spec.delay)),
    actions(object, own) {
      try {
        return steps.flatMap((step) => step(object, own));
      } catch (error) {
        throw new StageError(`stage ${name}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

/**
 * The stage that `object` goes through now: of those that select it one is drawn by weight; where none has a weight,
 * all are alike. Undefined: nothing happens to it.
 */
export function chooseStage(
  stages: readonly CompiledStage[],
  object: UnknownObject,
  random: Random,
): CompiledStage | undefined {
  const found = stages.filter((stage) => stage.selects(object));
  if (found.length < 2) return found[0];
  const weighed = found.map((stage) => ({ stage, weight: stage.weight(object) }));
  const total = weighed.reduce((sum, { weight = 0 }) => sum + Math.max(0, weight), 0);
  if (total === 0) {
    const known = weighed.filter(({ weight }) => weight !== undefined);
    const alike = known.length > 0 ? known : weighed;
    return alike[Math.floor(random.next() * alike.length)]!.stage;
  }
  let left = random.next() * total;
  const drawn = weighed.find(({ weight = 0 }) => {
    left -= Math.max(0, weight);
    return left < 0;
  });
  return drawn?.stage;
}

/** The older `next` as steps: upstream's order is event, finalizers, deletion, patches, status. */
function stepsOf({ spec }: Stage): readonly StageStep[] {
  const { next, steps = [] } = spec;
  if (!next) return steps;
  return [
    ...(next.event ? [{ event: next.event }] : []),
    ...(next.finalizers ? [{ finalizers: next.finalizers }] : []),
    ...(next.delete ? [{ delete: true }] : []),
    ...(next.patches ?? []).map((patch) => ({ patch })),
    ...(next.statusTemplate !== undefined
      ? [{ patch: { root: "status", subresource: next.statusSubresource ?? "status", template: next.statusTemplate } }]
      : []),
  ];
}

function compileStep(
  step: StageStep,
  kind: string,
  functions: TemplateFunctions,
): (object: UnknownObject, own: TemplateFunctions) => Action[] {
  const patch = step.patch && compilePatch(step.patch, kind, functions);
  return (object, own) => [
    ...(step.event ? [{ do: "event" as const, event: step.event }] : []),
    ...(step.finalizers ? finalizerPatch(object, step.finalizers) : []),
    ...(step.delete ? [{ do: "delete" as const }] : []),
    ...(patch ? [patch(object, own)] : []),
  ];
}

function compilePatch(patch: StagePatch, kind: string, functions: TemplateFunctions) {
  const { root, subresource } = patch;
  const type = patch.type ?? (kind === "Pod" || kind === "Node" ? "strategic" : "merge");
  if (!["json", "merge", "strategic"].includes(type)) throw new Error(`patch type ${type} is not supported`);
  const template = compileTemplate(patch.template?.trim() ?? "", functions);
  return (object: UnknownObject, own: TemplateFunctions): Action => {
    const content = parseDocument(template(object, own));
    let body: unknown = root ? { [root]: content } : content;
    if (type === "json" && root) {
      body = (content as { path: string }[]).map((one) => ({ ...one, path: `/${root}${one.path}` }));
    }
    return { do: "patch", type, subresource: subresource || undefined, body };
  };
}

/** JSON is YAML too, and read a hundred times as fast: templates for many objects had better write it. */
function parseDocument(text: string): unknown {
  return /^[{[]/.test(text) ? JSON.parse(text) : parseYaml(text);
}

function finalizerPatch(object: UnknownObject, { add = [], remove = [], empty }: StageFinalizers): Action[] {
  const present = object.metadata?.finalizers ?? [];
  const removed = new Set(remove.map(({ value }) => value));
  const kept = empty ? [] : present.filter((one) => !removed.has(one));
  const wanted = [...new Set([...kept, ...add.map(({ value }) => value)])];
  if (wanted.length === present.length && wanted.every((one) => present.includes(one))) return [];
  // The version makes sure that nobody's finalizer gets lost.
  const metadata = { finalizers: wanted, resourceVersion: object.metadata?.resourceVersion };
  return [{ do: "patch", type: "merge", subresource: undefined, body: { metadata } }];
}

function selector(given: StageSelector | undefined): (object: UnknownObject) => boolean {
  if (!given) return () => false;
  const labels = Object.entries(given.matchLabels ?? {});
  const annotations = Object.entries(given.matchAnnotations ?? {});
  const requirements = (given.matchExpressions ?? []).map(({ jq, ...plain }) => requirement(jq ?? plain));
  return (object) =>
    labels.every(([key, value]) => object.metadata?.labels?.[key] === value) &&
    annotations.every(([key, value]) => object.metadata?.annotations?.[key] === value) &&
    requirements.every((one) => one(object));
}

function requirement({ key, operator, values = [] }: Partial<Requirement>): (object: UnknownObject) => boolean {
  if (key === undefined) throw new Error("an expression has no key");
  const query = compileQuery(key);
  const found = (object: UnknownObject) => query(object) ?? [];
  const wanted = new Set(values);
  const among = (value: unknown) => typeof value !== "object" && wanted.has(String(value));
  switch (operator) {
    case "In":
    case "NotIn":
      if (values.length === 0) throw new Error(`${operator} needs values`);
      return operator === "In" ? (object) => found(object).some(among) : (object) => !found(object).some(among);
    case "Exists":
    case "DoesNotExist":
      if (values.length > 0) throw new Error(`${operator} takes no values`);
      return operator === "Exists" ? (object) => found(object).length > 0 : (object) => found(object).length === 0;
    default:
      throw new Error(`operator ${JSON.stringify(operator)} is not supported`);
  }
}

function expression(from: ExpressionFrom | undefined): ((object: UnknownObject) => readonly unknown[]) | undefined {
  const source = from?.jq?.expression ?? from?.expressionFrom;
  if (source === undefined) return undefined;
  const query = compileQuery(source);
  return (object) => query(object) ?? [];
}

function delay(given: StageDelay | undefined): CompiledStage["delayMs"] {
  if (!given) return () => 0;
  const duration = lengthOf(given.durationFrom, given.durationMilliseconds);
  const jitter = lengthOf(given.jitterDurationFrom, given.jitterDurationMilliseconds);
  return (object, now, random) => {
    const least = duration(object, now) ?? 0;
    const most = jitter(object, now);
    if (most === undefined) return Math.max(0, least);
    return Math.max(0, most < least ? most : least + random.next() * (most - least));
  };
}

function lengthOf(
  from: ExpressionFrom | undefined,
  fixed: number | undefined,
): (object: UnknownObject, now: number) => number | undefined {
  const query = expression(from);
  if (!query) return () => fixed;
  return (object, now) => {
    const [value] = query(object);
    if (typeof value !== "string" || value === "") return fixed;
    if (/^\d{4}-\d\d-\d\dT/.test(value)) return Date.parse(value) - now;
    return durationMs(value) ?? fixed;
  };
}

/** Undefined for what is no duration: annotations may hold anything. */
function durationMs(text: string): number | undefined {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
