import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { Flags, FlagValues } from "../../base/flags.ts";
import type { WebhookClientConfig } from "../webhook/webhook-client.ts";
import type { AuditingOptions, AuditSink } from "./auditing.ts";
import type { AuditBackend } from "./backend.ts";
import { type BatchOptions, bufferedBackend } from "./buffered-backend.ts";
import { type LineSink, logBackend } from "./log-backend.ts";
import { jsonLine, legacyLine } from "./log-format.ts";
import { parsePolicy } from "./policy-file.ts";
import { RotatingFile } from "./rotating-file.ts";
import { type TruncateOptions, truncatingBackend } from "./truncating-backend.ts";
import { webhookBackend } from "./webhook-backend.ts";

/** The flags of auditing, with upstream's names and defaults. */
export const auditFlags = {
  "audit-policy-file": { kind: "string", description: "what is recorded of which requests; without it, nothing is" },
  "audit-log-path": { kind: "string", description: "the file that audit events are written to; - is standard output" },
  "audit-log-maxage": {
    kind: "integer",
    default: 366,
    description: "days that full log files are kept; 0: for ever",
  },
  "audit-log-maxbackup": { kind: "integer", default: 100, description: "full log files that are kept; 0: all" },
  "audit-log-maxsize": {
    kind: "integer",
    default: 100,
    description: "megabytes at which a log file is full; 0: never",
  },
  "audit-log-compress": { kind: "boolean", default: false, description: "compresses full log files" },
  "audit-log-format": { kind: "string", default: "json", description: "json or legacy" },
  "audit-log-version": { kind: "string", default: "audit.k8s.io/v1", description: "only audit.k8s.io/v1 is supported" },
  "audit-log-mode": { kind: "string", default: "blocking", description: "batch, blocking or blocking-strict" },
  "audit-log-batch-buffer-size": { kind: "integer", default: 10_000, description: "events held back, in mode batch" },
  "audit-log-batch-max-size": { kind: "integer", default: 1, description: "events of a batch" },
  "audit-log-batch-max-wait": { kind: "duration", default: 0, description: "how long a batch waits to be filled" },
  "audit-log-batch-throttle-enable": { kind: "boolean", default: false, description: "limits batches per second" },
  "audit-log-batch-throttle-qps": { kind: "number", default: 0, description: "batches per second" },
  "audit-log-batch-throttle-burst": { kind: "integer", default: 0, description: "batches at once" },
  "audit-log-truncate-enabled": { kind: "boolean", default: false, description: "cuts events that are too big" },
  "audit-log-truncate-max-batch-size": { kind: "integer", default: 10_485_760, description: "bytes of a batch" },
  "audit-log-truncate-max-event-size": { kind: "integer", default: 102_400, description: "bytes of an event" },
  "audit-webhook-config-file": { kind: "string", description: "a kubeconfig that says where events are sent" },
  "audit-webhook-initial-backoff": {
    kind: "duration",
    default: 10_000,
    description: "how long to wait before the first repetition",
  },
  "audit-webhook-version": {
    kind: "string",
    default: "audit.k8s.io/v1",
    description: "only audit.k8s.io/v1 is supported",
  },
  "audit-webhook-mode": { kind: "string", default: "batch", description: "batch, blocking or blocking-strict" },
  "audit-webhook-batch-buffer-size": {
    kind: "integer",
    default: 10_000,
    description: "events held back, in mode batch",
  },
  "audit-webhook-batch-max-size": { kind: "integer", default: 400, description: "events of a batch" },
  "audit-webhook-batch-max-wait": {
    kind: "duration",
    default: 30_000,
    description: "how long a batch waits to be filled",
  },
  "audit-webhook-batch-throttle-enable": { kind: "boolean", default: true, description: "limits batches per second" },
  "audit-webhook-batch-throttle-qps": { kind: "number", default: 10, description: "batches per second" },
  "audit-webhook-batch-throttle-burst": { kind: "integer", default: 15, description: "batches at once" },
  "audit-webhook-truncate-enabled": { kind: "boolean", default: false, description: "cuts events that are too big" },
  "audit-webhook-truncate-max-batch-size": { kind: "integer", default: 10_485_760, description: "bytes of a batch" },
  "audit-webhook-truncate-max-event-size": { kind: "integer", default: 102_400, description: "bytes of an event" },
} as const satisfies Flags;

type Values = FlagValues<typeof auditFlags>;
type Kind = "log" | "webhook";

/**
 * What the flags ask for, with the policy read and the log file opened. Undefined where nothing is to be recorded.
 * Rejects for flags and files that make no sense, in upstream's words. `stdout` writes lines to standard output.
 */
export async function prepareAuditing(
  flags: Values,
  effects: { files: Files; clock: Clock; stdout: (text: string) => void },
): Promise<AuditingOptions | undefined> {
  const { files } = effects;
  const path = flags["audit-log-path"];
  const config = flags["audit-webhook-config-file"];
  if (path) checkLog(flags);
  if (config) checkBackend(flags, "webhook");
  const policyFile = flags["audit-policy-file"];
  if (!policyFile) return undefined;
  const policy = await parsePolicy(await files.readFile(policyFile, "utf8")).catch((error: Error) => {
    throw new Error(`loading audit policy file: ${error.message}: from file ${policyFile}`);
  });
  if (!path && !config) return undefined;
  const log = path ? await openLog(path, flags, effects) : undefined;
  const webhook = config ? await webhookOf(config, files) : undefined;
  const format = flags["audit-log-format"] === "legacy" ? legacyLine : jsonLine;
  return {
    policy,
    sinks(services) {
      const { clock, random, logger, metrics, webhooks: caller } = services;
      const wrapped = (inner: AuditBackend, kind: Kind): AuditSink => {
        const mode = flags[`audit-${kind}-mode`];
        const buffered =
          mode === "batch" ? bufferedBackend(inner, batchOptions(flags, kind), { clock, logger, metrics }) : inner;
        const backend = flags[`audit-${kind}-truncate-enabled`]
          ? truncatingBackend(buffered, truncateOptions(flags, kind), { logger, metrics })
          : buffered;
        return { backend, strict: mode === "blocking-strict" };
      };
      const sinks: AuditSink[] = [];
      if (log) sinks.push(wrapped(logBackend(log, format), "log"));
      if (webhook) {
        const initialBackoffMs = flags["audit-webhook-initial-backoff"];
        sinks.push(wrapped(webhookBackend({ caller, ...webhook, initialBackoffMs, clock, random }), "webhook"));
      }
      return sinks;
    },
  };
}

async function openLog(
  path: string,
  flags: Values,
  { files, clock, stdout }: { files: Files; clock: Clock; stdout: (text: string) => void },
): Promise<LineSink> {
  if (path === "-") return { write: async (text) => stdout(text), close: async () => {} };
  const megabytes = flags["audit-log-maxsize"];
  const file = new RotatingFile(
    {
      path,
      maxBytes: megabytes === 0 ? Number.POSITIVE_INFINITY : megabytes * 1024 * 1024,
      maxAgeDays: flags["audit-log-maxage"],
      maxBackups: flags["audit-log-maxbackup"],
      compress: flags["audit-log-compress"],
    },
    { files, clock },
  );
  await file.open();
  return file;
}

async function webhookOf(path: string, files: Files): Promise<{ config: WebhookClientConfig; serverName?: string }> {
  const { loadKubeconfig } = await import("../../client/kubeconfig.ts");
  const { connection } = await loadKubeconfig(path, files);
  const { server, ca, certificate, key, token, tokenFile, username, password, serverName } = connection;
  const text = (bytes: string | Uint8Array | undefined) =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  const bearer = token ?? (tokenFile ? (await files.readFile(tokenFile, "utf8")).trim() : undefined);
  return {
    config: {
      url: server,
      ...(ca ? { caBundle: Buffer.from(ca).toString("base64") } : {}),
      ...(connection.insecureSkipTlsVerify ? { insecureSkipTlsVerify: true } : {}),
      auth: { certificate: text(certificate), key: text(key), token: bearer, username, password },
    },
    ...(serverName ? { serverName } : {}),
  };
}

const batchOptions = (flags: Values, kind: Kind): BatchOptions => ({
  bufferSize: flags[`audit-${kind}-batch-buffer-size`],
  maxBatchSize: flags[`audit-${kind}-batch-max-size`],
  maxBatchWaitMs: flags[`audit-${kind}-batch-max-wait`],
  ...(flags[`audit-${kind}-batch-throttle-enable`]
    ? {
        throttle: {
          qps: flags[`audit-${kind}-batch-throttle-qps`],
          burst: flags[`audit-${kind}-batch-throttle-burst`],
        },
      }
    : {}),
  concurrent: kind === "webhook",
});

const truncateOptions = (flags: Values, kind: Kind): TruncateOptions => ({
  maxEventBytes: flags[`audit-${kind}-truncate-max-event-size`],
  maxBatchBytes: flags[`audit-${kind}-truncate-max-batch-size`],
});

const MODES = ["batch", "blocking", "blocking-strict"];

function checkLog(flags: Values): void {
  checkBackend(flags, "log");
  const format = flags["audit-log-format"];
  if (format !== "json" && format !== "legacy") {
    throw new Error(`invalid audit log format ${format}, allowed formats are "legacy,json"`);
  }
  for (const name of ["audit-log-maxage", "audit-log-maxbackup", "audit-log-maxsize"] as const) {
    if (flags[name] < 0) throw new Error(`--${name} ${flags[name]} can't be a negative number`);
  }
}

function checkBackend(flags: Values, kind: Kind): void {
  const mode = flags[`audit-${kind}-mode`];
  if (!MODES.includes(mode)) {
    throw new Error(`invalid audit ${kind} mode ${mode}, allowed modes are ${JSON.stringify(MODES.join(","))}`);
  }
  if (mode === "batch") {
    const { bufferSize, maxBatchSize, throttle } = batchOptions(flags, kind);
    const positive = (what: string, value: number) => {
      if (!(value > 0)) throw new Error(`invalid audit batch ${kind} ${what} ${value}, must be a positive number`);
    };
    positive("buffer size", bufferSize);
    positive("max batch size", maxBatchSize);
    if (throttle) {
      positive("throttle QPS", throttle.qps);
      positive("throttle burst", throttle.burst);
    }
  }
  const { maxEventBytes, maxBatchBytes } = truncateOptions(flags, kind);
  if (maxEventBytes <= 0) {
    throw new Error(`invalid audit truncate ${kind} max event size ${maxEventBytes}, must be a positive number`);
  }
  if (maxBatchBytes < maxEventBytes) {
    throw new Error(
      `invalid audit truncate ${kind} max batch size ${maxBatchBytes}, must be greater than max event size (${maxEventBytes})`,
    );
  }
  const version = flags[`audit-${kind}-version`];
  if (version !== "audit.k8s.io/v1") {
    throw new Error("invalid group version, allowed versions are [audit.k8s.io/v1]");
  }
}
