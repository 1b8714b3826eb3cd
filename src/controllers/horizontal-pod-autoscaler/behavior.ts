import type { HPAScalingRules } from "../../api/types/autoscaling.v2.ts";

/** What an autoscaler remembers from one look to the next. Lost on a restart, as upstream's. */
export interface ScalingHistory {
  /** What the metrics asked for. */
  readonly recommendations: readonly { readonly replicas: number; readonly at: number }[];
  /** What was done: positive for replicas added. */
  readonly changes: readonly { readonly replicas: number; readonly at: number }[];
}

/** A target that was seen for the first time; its replicas are the first recommendation. */
export const newHistory = (replicas: number, now: number): ScalingHistory => ({
  recommendations: [{ replicas, at: now }],
  changes: [],
});

export interface ScalingBounds {
  readonly current: number;
  readonly min: number;
  readonly max: number;
}

export interface Verdict {
  readonly replicas: number;
  readonly limited: boolean;
  readonly reason: string;
  readonly message: string;
}

/** The rules of a direction, as the server defaults them. */
export interface ScalingRules {
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
}

/** How long an autoscaler with rules looks back, in ms, in each direction. */
export interface StabilizationWindows {
  readonly upMs: number;
  readonly downMs: number;
}

export interface Stabilized {
  readonly replicas: number;
  readonly history: ScalingHistory;
}

/** Without rules: never below the most that was asked for within `windowMs`. */
export function stabilizeWithoutRules(
  history: ScalingHistory,
  windowMs: number,
  desired: number,
  now: number,
): Stabilized {
  const recent = history.recommendations.filter(({ at }) => at >= now - windowMs);
  return {
    replicas: Math.max(desired, ...recent.map(({ replicas }) => replicas)),
    history: { ...history, recommendations: [...recent, { replicas: desired, at: now }] },
  };
}

/**
 * With rules: as many as there are, but no more than the most that was asked for in the window of scaling down, and no
 * less than the least in that of scaling up.
 */
export function stabilizeWithRules(
  history: ScalingHistory,
  windows: StabilizationWindows,
  current: number,
  desired: number,
  now: number,
): Stabilized {
  const within = (windowMs: number) =>
    history.recommendations.filter(({ at }) => at > now - windowMs).map(({ replicas }) => replicas);
  const least = Math.min(desired, ...within(windows.upMs));
  const most = Math.max(desired, ...within(windows.downMs));
  const oldest = now - Math.max(windows.upMs, windows.downMs);
  const recent = history.recommendations.filter(({ at }) => at >= oldest);
  return {
    replicas: Math.min(Math.max(current, least), most),
    history: { ...history, recommendations: [...recent, { replicas: desired, at: now }] },
  };
}

const WITHIN: Omit<Verdict, "replicas"> = {
  limited: false,
  reason: "DesiredWithinRange",
  message: "the desired count is within the acceptable range",
};
const TOO_MANY = ["TooManyReplicas", "the desired replica count is more than the maximum replica count"] as const;
const TOO_FEW = ["TooFewReplicas", "the desired replica count is less than the minimum replica count"] as const;
const TOO_FAST_UP = [
  "ScaleUpLimit",
  "the desired replica count is increasing faster than the maximum scale rate",
] as const;
const TOO_FAST_DOWN = [
  "ScaleDownLimit",
  "the desired replica count is decreasing faster than the maximum scale rate",
] as const;

/** At most double, or four, at once: a figure that is wrong for a moment shall not start thousands of pods. */
export function limitWithoutRules({ current, min, max }: ScalingBounds, desired: number): Verdict {
  const rate = Math.max(2 * current, 4);
  if (desired < min) return limited(min, TOO_FEW);
  if (desired > Math.min(max, rate)) return max > rate ? limited(rate, TOO_FAST_UP) : limited(max, TOO_MANY);
  return { replicas: desired, ...WITHIN };
}

/** At most what the policies of the rules allow per period, and the bounds of the autoscaler. */
export function limitWithRules(
  { current, min, max }: ScalingBounds,
  rules: ScalingRules,
  history: ScalingHistory,
  desired: number,
  now: number,
): Verdict {
  if (desired > current) {
    const rate = Math.max(current, rateLimit(rules.up, "up", current, history, now));
    if (desired > Math.min(max, rate)) return max > rate ? limited(rate, TOO_FAST_UP) : limited(max, TOO_MANY);
  } else if (desired < current) {
    const rate = Math.min(current, rateLimit(rules.down, "down", current, history, now));
    if (desired < Math.max(min, rate)) return min < rate ? limited(rate, TOO_FAST_DOWN) : limited(min, TOO_FEW);
  }
  return { replicas: desired, ...WITHIN };
}

/** Notes that the replicas were changed, and forgets what no policy looks at any more. */
export function recordChange(
  history: ScalingHistory,
  rules: ScalingRules,
  replicas: number,
  now: number,
): ScalingHistory {
  const policies = [...(rules.up.policies ?? []), ...(rules.down.policies ?? [])];
  const oldest = now - 1000 * Math.max(0, ...policies.map(({ periodSeconds }) => periodSeconds));
  return { ...history, changes: [...history.changes.filter(({ at }) => at >= oldest), { replicas, at: now }] };
}

/** The replicas that the policies allow now, given what was done within their periods. */
function rateLimit(
  rules: HPAScalingRules,
  direction: "up" | "down",
  current: number,
  history: ScalingHistory,
  now: number,
): number {
  if (rules.selectPolicy === "Disabled") return current;
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const recent = history.changes.filter(({ at }) => at > now - periodSeconds * 1000);
    const atStart = current - recent.reduce((sum, { replicas }) => sum + replicas, 0);
    const sign = direction === "up" ? 1 : -1;
    if (type === "Pods") return atStart + sign * value;
    // Rounded up, since a small target would else never grow (and down, never shrink).
    const exact = atStart * (1 + (sign * value) / 100);
    return direction === "up" ? Math.ceil(exact) : Math.trunc(exact);
  });
  // The least change is the lowest limit of scaling up, and the highest of scaling down.
  const highest = (direction === "up") === (rules.selectPolicy !== "Min");
  return highest ? Math.max(...limits) : Math.min(...limits);
}

const limited = (replicas: number, [reason, message]: readonly [string, string]): Verdict => ({
  replicas,
  limited: true,
  reason,
  message,
});
