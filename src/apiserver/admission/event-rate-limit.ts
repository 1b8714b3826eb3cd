import type { FieldError } from "../../api/resource-definition.ts";
import { events } from "../../api/resource-types.ts";
import { at, child, invalid, notSupported, required } from "../../api/resources/field-errors.ts";
import { StatusError } from "../../api/status-error.ts";
import type { Event } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import {
  type ConfigurationKind,
  integer,
  listOf,
  problemsError,
  readConfiguration,
  record,
  text,
} from "../configuration/shape.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, written } from "./refusal.ts";

/** How many events may be written: all together, or for each namespace, user, or source and object. */
export interface EventLimit {
  readonly type: "Server" | "Namespace" | "User" | "SourceAndObject";
  readonly qps: number;
  readonly burst: number;
  /** Of how many namespaces and so on it is known what they have left. */
  readonly cacheSize: number;
}

const TYPES = ["Server", "Namespace", "User", "SourceAndObject"] as const;
const DEFAULT_CACHE = 4096;
const KIND: ConfigurationKind = {
  group: "eventratelimit.admission.k8s.io",
  versions: ["v1alpha1"],
  kind: "Configuration",
  fields: { limits: listOf(record("Limit", { type: text, qps: integer, burst: integer, cacheSize: integer })) },
};

/** Reads the plugin's configuration. Throws an Error with all that is wrong. */
export async function eventRateLimitConfiguration(content: string): Promise<readonly EventLimit[]> {
  const { configuration } = await readConfiguration<{ limits?: Partial<EventLimit>[] }>(content, KIND);
  const { limits = [] } = configuration;
  const problems: FieldError[] = limits.length === 0 ? [invalid("limits", limits, "must not be empty")] : [];
  limits.forEach((limit, index) => {
    const path = at("limits", index);
    const { type = "", qps = 0, burst = 0, cacheSize = 0 } = limit;
    if (type === "") problems.push(required(child(path, "type")));
    else if (!(TYPES as readonly string[]).includes(type))
      problems.push(notSupported(child(path, "type"), type, TYPES));
    if (burst <= 0) problems.push(invalid(child(path, "burst"), burst, "must be positive"));
    if (qps <= 0) problems.push(invalid(child(path, "qps"), qps, "must be positive"));
    if (type === "Server" && cacheSize !== 0) {
      problems.push(invalid(child(path, "cacheSize"), cacheSize, "must not be specified for server limits"));
    } else if (cacheSize < 0) problems.push(invalid(child(path, "cacheSize"), cacheSize, "must not be negative"));
  });
  const error = problemsError(problems);
  if (error) throw error;
  return limits.map(({ type, qps, burst, cacheSize }) => ({
    type: type!,
    qps: qps!,
    burst: burst!,
    cacheSize: cacheSize || DEFAULT_CACHE,
  }));
}

/** EventRateLimit: keeps a flood of events from the store. */
export function eventRateLimit({
  clock,
  configuration: { eventLimits } = {},
}: {
  clock: Clock;
  configuration?: { readonly eventLimits?: readonly EventLimit[] };
}): AdmissionPlugin {
  if (!eventLimits) {
    throw new Error("the admission plugin EventRateLimit needs a configuration (--admission-control-config-file)");
  }
  const limiters = eventLimits.map((limit) => limiterOf(limit, clock));
  return {
    name: "EventRateLimit",
    handles: (attributes) =>
      (attributes.operation === "CREATE" || attributes.operation === "UPDATE") &&
      !attributes.dryRun &&
      concerns(attributes, events),
    validate(attributes) {
      const refused = limiters.flatMap((limiter) => limiter(attributes) ?? []);
      if (refused.length > 0) throw tooMany(refused.length === 1 ? refused[0]! : `[${refused.join(", ")}]`);
    },
  };
}

/** Takes one from the bucket that a write belongs to; gives the reason where it is empty. */
function limiterOf({ type, qps, burst, cacheSize }: EventLimit, clock: Clock) {
  const buckets = new Map<string, { left: number; at: number }>();
  return (attributes: AdmissionAttributes): string | undefined => {
    const key = keyOf(type, attributes);
    const now = clock.monotonic();
    const known = buckets.get(key);
    const left = known ? Math.min(burst, known.left + ((now - known.at) / 1000) * qps) : burst;
    buckets.delete(key);
    if (buckets.size >= cacheSize) buckets.delete(buckets.keys().next().value!);
    const taken = left >= 1;
    buckets.set(key, { left: taken ? left - 1 : left, at: now });
    return taken ? undefined : `limit reached on type ${type} for key ${key}`;
  };
}

function keyOf(type: EventLimit["type"], attributes: AdmissionAttributes): string {
  if (type === "Server") return "";
  if (type === "Namespace") return attributes.namespace ?? "";
  if (type === "User") return attributes.user.name;
  const { source = {}, involvedObject = {} } = written<Event>(attributes);
  const { kind = "", namespace = "", name = "", uid = "", apiVersion = "" } = involvedObject;
  return [source.component ?? "", source.host ?? "", kind, namespace, name, uid, apiVersion].join("");
}

const tooMany = (message: string) =>
  new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: "TooManyRequests",
    code: 429,
  });
