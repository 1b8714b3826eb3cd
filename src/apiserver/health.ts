import { notFound } from "../api/status-error.ts";
import type { Counter, Gauge, MetricsRegistry } from "../base/metrics.ts";
import type { RequestContext } from "./filters/context.ts";
import type { Reply } from "./http/exchange.ts";
import { textReply } from "./http/status-reply.ts";

/** One named check; throws where something is wrong. The reason goes to the log, and to who asks for this very check. */
export interface HealthCheck {
  readonly name: string;
  /** Checks of one group can be excluded together. */
  readonly group?: string;
  check(): Promise<void> | void;
}

/** Which of the endpoints a check belongs to: it says that the process lives, that it can serve, or both. */
export type HealthEndpoint = "livez" | "readyz";

export interface Health {
  add(check: HealthCheck, endpoints: readonly HealthEndpoint[]): void;
  /** Answers `/healthz`, `/livez`, `/readyz`, and a single check below them. */
  handle(context: RequestContext): Promise<Reply>;
}

const POST_START = "poststarthook/";

/**
 * `/healthz` is the old name of what `/livez` says. Each check's state goes to `slis`, the registry of `/metrics/slis`
 * (https://kubernetes.io/docs/reference/instrumentation/slis/).
 */
export function health(options: {
  onFailure: (name: string, error: unknown) => void;
  slis?: MetricsRegistry;
  /** While this is so, post-start hooks that are not done count as alive. */
  isStarting?: () => boolean;
}): Health {
  const { onFailure, slis, isStarting = () => false } = options;
  const checks: Record<HealthEndpoint, Map<string, HealthCheck>> = { livez: new Map(), readyz: new Map() };
  const state = slis?.gauge("kubernetes_healthcheck", "Whether a health check succeeded last.", ["name", "type"]);
  const results = slis?.counter("kubernetes_healthchecks_total", "Results of health checks.", [
    "name",
    "type",
    "status",
  ]);
  const series = new Map<string, { state?: Gauge; success?: Counter; error?: Counter }>();
  const observe = (name: string, type: string, failed: boolean) => {
    const key = `${type}/${name}`;
    let found = series.get(key);
    if (!found) {
      found = { state: state?.with(name, type) };
      series.set(key, found);
    }
    const status = failed ? "error" : "success";
    found[status] ??= results?.with(name, type, status);
    found[status]?.add();
    found.state?.set(failed ? 0 : 1);
  };
  /** The error of a check that fails. */
  const run = async (check: HealthCheck): Promise<{ error: unknown } | undefined> => {
    try {
      await check.check();
      return undefined;
    } catch (error) {
      onFailure(check.name, error);
      return { error };
    }
  };
  return {
    add(check, endpoints) {
      for (const endpoint of endpoints) checks[endpoint].set(check.name, check);
    },
    async handle({ request }) {
      const [endpoint = "", ...rest] = request.path.split("/").filter((part) => part !== "");
      const registered = checks[endpoint === "readyz" ? "readyz" : "livez"];
      const single = rest.join("/");
      if (single !== "") {
        const check = registered.get(single);
        if (!check) throw notFound({ resource: endpoint }, single);
        const failure = await run(check);
        if (!failure) return textReply(200, "ok");
        const { error } = failure;
        return textReply(500, `internal server error: ${error instanceof Error ? error.message : error}\n`);
      }
      const excluded = new Set(request.query.getAll("exclude"));
      const unknown = new Set(excluded);
      const lines: string[] = [];
      let bad = false;
      for (const check of registered.values()) {
        const { name, group } = check;
        if (excluded.has(name)) {
          unknown.delete(name);
          lines.push(`[+]${name} excluded: ok`);
        } else if (group !== undefined && excluded.has(group)) {
          unknown.delete(group);
          lines.push(`[+]${name} excluded with ${group}: ok`);
        } else {
          const isPending = endpoint !== "readyz" && name.startsWith(POST_START) && isStarting();
          const isFailed = !isPending && (await run(check)) !== undefined;
          observe(name, endpoint, isFailed);
          bad ||= isFailed;
          lines.push(isFailed ? `[-]${name} failed: reason withheld` : `[+]${name} ok`);
        }
      }
      if (unknown.size > 0) {
        const names = [...unknown].sort().map((name) => JSON.stringify(name));
        lines.push(`warn: some health checks cannot be excluded: no matches for ${names.join(", ")}`);
      }
      if (bad) return textReply(500, `${lines.join("\n")}\n${endpoint} check failed\n`);
      if (!request.query.has("verbose")) return textReply(200, "ok");
      return textReply(200, `${lines.join("\n")}\n${endpoint} check passed\n`);
    },
  };
}
