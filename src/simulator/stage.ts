import type { ObjectMeta } from "../api/types/meta.v1.ts";
import { parseAllDocuments } from "../base/yaml.ts";

/**
 * One step in the life of the objects of a kind, as kwok's Stage resource describes it (kwok.x-k8s.io/v1alpha1,
 * https://kwok.sigs.k8s.io/docs/user/stages-configuration/): which objects are in it, how long they stay, and what
 * happens to them then.
 */
export interface Stage {
  readonly apiVersion: typeof STAGE_API_VERSION;
  readonly kind: "Stage";
  readonly metadata: ObjectMeta;
  readonly spec: StageSpec;
}
export const STAGE_API_VERSION = "kwok.x-k8s.io/v1alpha1";

export interface StageSpec {
  /** `apiGroup` is the whole group version: `v1`, `apps/v1`. */
  readonly resourceRef: { readonly apiGroup?: string; readonly kind: string };
  /** An absent selector selects nothing. */
  readonly selector?: StageSelector;
  /** Of several stages that an object is in, one is drawn by weight. */
  readonly weight?: number;
  readonly weightFrom?: ExpressionFrom;
  readonly delay?: StageDelay;
  /** Written before there were steps: the same as one step for each of its parts. */
  readonly next?: StageNext;
  readonly steps?: readonly StageStep[];
  /** Whether the next stage is looked for in the answer to the last write, without waiting for the watch. */
  readonly immediateNextStage?: boolean;
}

export interface StageSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchAnnotations?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly MatchExpression[];
}
export interface MatchExpression extends Partial<Requirement> {
  readonly jq?: Requirement;
}
export interface Requirement {
  /** A jq query. */
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values?: readonly string[];
}
export interface ExpressionFrom {
  /** A jq query. */
  readonly expressionFrom?: string;
  readonly jq?: { readonly expression: string };
}
export interface StageDelay {
  readonly durationMilliseconds?: number;
  /** A time (then the delay lasts until it) or a Go duration. */
  readonly durationFrom?: ExpressionFrom;
  /** The delay is drawn between the duration and this; where this is the shorter, it is the delay. */
  readonly jitterDurationMilliseconds?: number;
  readonly jitterDurationFrom?: ExpressionFrom;
}
export interface StageNext {
  readonly event?: StageEvent;
  readonly finalizers?: StageFinalizers;
  readonly delete?: boolean;
  readonly patches?: readonly StagePatch[];
  /** YAML of the new status. */
  readonly statusTemplate?: string;
  /** Default `status`. */
  readonly statusSubresource?: string;
}
export interface StageStep {
  readonly event?: StageEvent;
  readonly finalizers?: StageFinalizers;
  readonly delete?: boolean;
  readonly patch?: StagePatch;
}
export interface StageEvent {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
}
export interface StageFinalizers {
  readonly add?: readonly { readonly value: string }[];
  readonly remove?: readonly { readonly value: string }[];
  readonly empty?: boolean;
}
export interface StagePatch {
  readonly subresource?: string;
  /** The field that the patch is about; empty for the whole object. */
  readonly root?: string;
  /** A Go template whose text is the YAML (or JSON) of the patch. */
  readonly template?: string;
  /** Default: strategic for pods and nodes, merge for others. */
  readonly type?: "json" | "merge" | "strategic";
}

/** A stage file that can't be used; the message names the stage and the field. */
export class StageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "StageError";
  }
}

/** The stages in a file of YAML documents. Throws a StageError for other kinds and for fields that there are not. */
export function parseStages(text: string, file = "the stage file"): Stage[] {
  const stages: Stage[] = [];
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) throw new StageError(`${file}: ${document.errors[0]!.message}`);
    const content: unknown = document.toJS();
    if (content === null || content === undefined) continue;
    stages.push(checkStage(content, file));
  }
  return stages;
}

type Shape = {
  readonly [field: string]: "string" | "number" | "boolean" | "strings" | "map" | Shape | readonly [Shape];
};

const REQUIREMENT: Shape = { key: "string", operator: "string", values: "strings" };
const EXPRESSION: Shape = { expressionFrom: "string", jq: { expression: "string" } };
const EVENT: Shape = { type: "string", reason: "string", message: "string" };
const FINALIZERS: Shape = { add: [{ value: "string" }], remove: [{ value: "string" }], empty: "boolean" };
const PATCH: Shape = { subresource: "string", root: "string", template: "string", type: "string" };
const SPEC: Shape = {
  resourceRef: { apiGroup: "string", kind: "string" },
  selector: {
    matchLabels: "map",
    matchAnnotations: "map",
    matchExpressions: [{ ...REQUIREMENT, jq: REQUIREMENT }],
  },
  weight: "number",
  weightFrom: EXPRESSION,
  delay: {
    durationMilliseconds: "number",
    durationFrom: EXPRESSION,
    jitterDurationMilliseconds: "number",
    jitterDurationFrom: EXPRESSION,
  },
  next: {
    event: EVENT,
    finalizers: FINALIZERS,
    delete: "boolean",
    patches: [PATCH],
    statusTemplate: "string",
    statusSubresource: "string",
  },
  steps: [{ event: EVENT, finalizers: FINALIZERS, delete: "boolean", patch: PATCH }],
  immediateNextStage: "boolean",
};

/** Narrows parsed YAML to a Stage. Throws a StageError. */
export function checkStage(content: unknown, file: string): Stage {
  const { apiVersion, kind, metadata } = content as Partial<Stage>;
  if (apiVersion !== STAGE_API_VERSION || kind !== "Stage") {
    throw new StageError(`${file}: a ${STAGE_API_VERSION} Stage is expected, not ${apiVersion} ${kind}`);
  }
  if (!metadata?.name) throw new StageError(`${file}: a stage has no metadata.name`);
  const where = `stage ${metadata.name}`;
  checkShape((content as { spec?: unknown }).spec ?? {}, SPEC, `${where}: spec`);
  const stage = content as Stage;
  if (!stage.spec?.resourceRef?.kind) throw new StageError(`${where}: spec.resourceRef.kind is required`);
  if (stage.spec.next && stage.spec.steps)
    throw new StageError(`${where}: spec.next and spec.steps exclude each other`);
  return stage;
}

function checkShape(value: unknown, shape: Shape[string], path: string): void {
  if (value === undefined || value === null) return;
  if (shape === "strings" || shape === "map") {
    const strings = shape === "map" ? !Array.isArray(value) && typeof value === "object" : Array.isArray(value);
    if (!strings || !Object.values(value).every((one) => typeof one === "string")) {
      throw new StageError(`${path} must be ${shape === "map" ? "an object" : "a list"} of strings`);
    }
  } else if (typeof shape === "string") {
    if (typeof value !== shape) throw new StageError(`${path} must be a ${shape}`);
  } else if (Array.isArray(shape)) {
    if (!Array.isArray(value)) throw new StageError(`${path} must be a list`);
    for (const [index, item] of value.entries()) checkShape(item, shape[0], `${path}[${index}]`);
  } else {
    if (typeof value !== "object" || Array.isArray(value)) throw new StageError(`${path} must be an object`);
    for (const [field, inner] of Object.entries(value)) {
      const known = (shape as { readonly [field: string]: Shape[string] })[field];
      if (!known) throw new StageError(`${path}.${field} is not supported`);
      checkShape(inner, known, `${path}.${field}`);
    }
  }
}
