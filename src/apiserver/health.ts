import { notFound } from "../api/status-error.ts";
import type { RequestContext } from "./filters/context.ts";
import type { Reply } from "./http/exchange.ts";
import { textReply } from "./http/status-reply.ts";

/** One named check; throws where something is wrong. The reason goes to the log, not to the client. */
export interface HealthCheck {
  readonly name: string;
  check(): Promise<void> | void;
}

/** Which of the endpoints a check belongs to: it says that the process lives, that it can serve, or both. */
export type HealthEndpoint = "livez" | "readyz";

export interface Health {
  add(check: HealthCheck, endpoints: readonly HealthEndpoint[]): void;
  /** Answers `/healthz`, `/livez`, `/readyz`, and a single check below them. */
  handle(context: RequestContext): Promise<Reply>;
}

/** `/healthz` is the old name of what `/livez` says. */
export function health(onFailure: (name: string, error: unknown) => void): Health {
  const checks: Record<HealthEndpoint, Map<string, HealthCheck>> = { livez: new Map(), readyz: new Map() };
  const failed = async (check: HealthCheck): Promise<boolean> => {
    try {
      await check.check();
      return false;
    } catch (error) {
      onFailure(check.name, error);
      return true;
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
        return (await failed(check)) ? textReply(500, `internal server error: ${single}\n`) : textReply(200, "ok");
      }
      const excluded = new Set(request.query.getAll("exclude"));
      const lines: string[] = [];
      let bad = false;
      for (const check of registered.values()) {
        if (excluded.delete(check.name)) {
          lines.push(`[+]${check.name} excluded: ok`);
        } else if (await failed(check)) {
          bad = true;
          lines.push(`[-]${check.name} failed: reason withheld`);
        } else {
          lines.push(`[+]${check.name} ok`);
        }
      }
      if (excluded.size > 0) {
        const names = [...excluded].map((name) => JSON.stringify(name)).join(", ");
        lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
      }
      if (bad) return textReply(500, `${lines.join("\n")}\n${endpoint} check failed\n`);
      if (!request.query.has("verbose")) return textReply(200, "ok");
      return textReply(200, `${lines.join("\n")}\n${endpoint} check passed\n`);
    },
  };
}
