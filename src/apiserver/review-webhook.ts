import { type Clock, sleep } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Random } from "../base/random.ts";
import { loadKubeconfig } from "../client/kubeconfig.ts";
import { type WebhookCaller, type WebhookClientConfig, WebhookError } from "./webhook/webhook-client.ts";

/** Webhooks that answer reviews (TokenReview, SubjectAccessReview) and are found by a kubeconfig file. */

/** How long one call may take unless told. */
export const REVIEW_TIMEOUT_MS = 30_000;
/** As upstream's: five attempts, half a second apart at first, each pause half as long again. */
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 500;
const PAUSE_FACTOR = 1.5;
const JITTER = 0.2;

/** Where the webhook of a kubeconfig file is, and who this server is to it. */
export async function reviewWebhookConfig(path: string, files: Files): Promise<WebhookClientConfig> {
  const { connection } = await loadKubeconfig(path, files);
  const { ca, certificate, key, token, tokenFile, username, password, serverName, insecureSkipTlsVerify } = connection;
  const text = (value: string | Uint8Array) => Buffer.from(value).toString("utf8");
  if (serverName) throw new Error(`${path}: tls-server-name is not supported for webhooks`);
  const given = tokenFile ? (await files.readFile(tokenFile, "utf8")).trim() : token;
  return {
    url: connection.server,
    ...(ca ? { caBundle: Buffer.from(ca as Uint8Array).toString("base64") } : {}),
    ...(insecureSkipTlsVerify ? { insecureSkipTlsVerify } : {}),
    auth: {
      ...(certificate ? { certificate: text(certificate as Uint8Array) } : {}),
      ...(key ? { key: text(key as Uint8Array) } : {}),
      ...(given ? { token: given } : {}),
      ...(username ? { username, password: password ?? "" } : {}),
    },
  };
}

export interface ReviewCalls {
  webhooks: WebhookCaller;
  clock: Clock;
  random: Random;
  /** Told of each attempt: the HTTP status, or `<error>`, and how it went. */
  observe?(code: string, result: "success" | "timeout" | "error", seconds: number): void;
}

/** Calls a webhook, again where the failure may pass. Throws the last WebhookError. */
export async function callReview(
  { webhooks, clock, random, observe }: ReviewCalls,
  config: WebhookClientConfig,
  body: object,
  timeoutMs = REVIEW_TIMEOUT_MS,
): Promise<unknown> {
  let pauseMs = FIRST_PAUSE_MS;
  for (let attempt = 1; ; attempt++) {
    const started = clock.monotonic();
    const told = (code: string, result: "success" | "timeout" | "error") =>
      observe?.(code, result, (clock.monotonic() - started) / 1000);
    try {
      const answer = await webhooks.call(config, body, { timeoutMs });
      told("200", "success");
      return answer;
    } catch (error) {
      if (!(error instanceof WebhookError)) throw error;
      const code = error.answer?.code;
      told(code ? String(code) : "<error>", error.kind === "timeout" || code === 504 ? "timeout" : "error");
      if (attempt === ATTEMPTS || !mayPass(error)) throw error;
    }
    await sleep(clock, pauseMs * (1 + JITTER * random.next()));
    pauseMs *= PAUSE_FACTOR;
  }
}

function mayPass({ kind, answer, cause }: WebhookError): boolean {
  if (kind === "unreachable") return (cause as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
  if (kind !== "status" || !answer) return false;
  return [429, 500, 504].includes(answer.code) || answer.status.details?.retryAfterSeconds !== undefined;
}
