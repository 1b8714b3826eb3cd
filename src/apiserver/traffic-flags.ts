import type { Flags, FlagValues } from "../base/flags.ts";
import { MAX_CONCURRENT_STREAMS } from "./http/listener.ts";
import { cipherList, type TlsVersion, tlsVersion } from "./http/tls-settings.ts";
import { parseSniCertKey, type ServingFiles } from "./serving-files.ts";

/** The flags of how requests are received, limited and sent away, with upstream's names and defaults. */
export const trafficFlags = {
  "enable-priority-and-fairness": {
    kind: "boolean",
    default: true,
    description: "queues requests by priority level; otherwise only their number is limited",
  },
  "goaway-chance": {
    kind: "number",
    default: 0,
    description: "the part of HTTP/2 requests whose clients are told to connect anew; at most 0.02",
  },
  "cors-allowed-origins": { kind: "list", description: "patterns of the origins whose pages may use the API" },
  "strict-transport-security-directives": { kind: "list", description: "directives of HSTS; none: no header" },
  "shutdown-delay-duration": {
    kind: "duration",
    default: 0,
    description: "how long the server goes on serving after /readyz has begun to fail",
  },
  "shutdown-send-retry-after": {
    kind: "boolean",
    default: false,
    description: "answers 429 while running requests finish, instead of refusing connections",
  },
  "shutdown-watch-termination-grace-period": {
    kind: "duration",
    default: 0,
    description: "how long watches may take to end",
  },
  "livez-grace-period": {
    kind: "duration",
    default: 0,
    description: "how long after the start unfinished post-start hooks count as alive",
  },
  "tls-min-version": { kind: "string", default: "VersionTLS12", description: "VersionTLS12 or VersionTLS13" },
  "tls-cipher-suites": { kind: "list", description: "suites for TLS 1.2, by Go's names; default: Node's" },
  "tls-sni-cert-key": {
    kind: "repeated",
    description: "certificate,key[:name,…]: a further certificate, for these names or those in it",
  },
  "http2-max-streams-per-connection": {
    kind: "integer",
    default: MAX_CONCURRENT_STREAMS,
    description: "requests at once on one HTTP/2 connection",
  },
  "disable-http2-serving": { kind: "boolean", default: false, description: "only false is supported" },
  profiling: { kind: "boolean", default: false, description: "only false is supported" },
  "contention-profiling": { kind: "boolean", default: false, description: "only false is supported" },
} as const satisfies Flags;

/** Checked values of the flags. */
export interface TrafficSettings {
  priorityAndFairness: boolean;
  goawayChance: number;
  corsOrigins: readonly RegExp[];
  hstsDirectives: readonly string[];
  shutdown: { delayMs: number; sendRetryAfter: boolean; watchGraceMs: number };
  livezGraceMs: number;
  tls: { minVersion: TlsVersion; ciphers?: string; maxStreams: number };
  sni: ServingFiles["sni"];
}

/** Flags that count or measure, and can't do so below nothing. */
const NOT_NEGATIVE = [
  "livez-grace-period",
  "max-requests-inflight",
  "max-mutating-requests-inflight",
  "request-timeout",
  "min-request-timeout",
  "shutdown-delay-duration",
];

/** Throws in upstream's words where one of them is negative. */
export function checkNotNegative(flags: Readonly<Record<string, unknown>>): void {
  for (const name of NOT_NEGATIVE) {
    if (Number(flags[name] ?? 0) < 0) throw new Error(`--${name} can not be negative value`);
  }
}

const HSTS_DIRECTIVES = /^(max-age=\d+|includeSubDomains|preload)$/;

/** Throws in upstream's words for values that make no sense, and for what is not supported. */
export function trafficSettings(flags: FlagValues<typeof trafficFlags>): TrafficSettings {
  for (const name of ["profiling", "contention-profiling", "disable-http2-serving"] as const) {
    if (flags[name]) throw new Error(`--${name}=true is not supported`);
  }
  const chance = flags["goaway-chance"];
  if (!(chance >= 0 && chance <= 0.02)) {
    throw new Error("--goaway-chance can not be less than 0 or greater than 0.02");
  }
  checkNotNegative(flags);
  const watchGraceMs = flags["shutdown-watch-termination-grace-period"];
  if (watchGraceMs < 0) {
    throw new Error("shutdown-watch-termination-grace-period, if provided, can not be a negative value");
  }
  const hstsDirectives = flags["strict-transport-security-directives"] ?? [];
  for (const directive of hstsDirectives) {
    if (HSTS_DIRECTIVES.test(directive)) continue;
    throw new Error(
      "--strict-transport-security-directives invalid, allowed values: max-age=expireTime, includeSubDomains, preload. see https://tools.ietf.org/html/rfc6797#section-6.1 for more information",
    );
  }
  const suites = flags["tls-cipher-suites"] ?? [];
  return {
    priorityAndFairness: flags["enable-priority-and-fairness"],
    goawayChance: chance,
    corsOrigins: (flags["cors-allowed-origins"] ?? []).map(originPattern),
    hstsDirectives,
    shutdown: {
      delayMs: flags["shutdown-delay-duration"],
      sendRetryAfter: flags["shutdown-send-retry-after"],
      watchGraceMs,
    },
    livezGraceMs: flags["livez-grace-period"],
    tls: {
      minVersion: tlsVersion(flags["tls-min-version"]),
      ...(suites.length > 0 ? { ciphers: cipherList(suites) } : {}),
      maxStreams: flags["http2-max-streams-per-connection"] || MAX_CONCURRENT_STREAMS,
    },
    sni: (flags["tls-sni-cert-key"] ?? []).map(parseSniCertKey),
  };
}

/** A pattern must say where the host begins and ends: otherwise `evil-example.com` passes for `example.com`. */
function originPattern(text: string): RegExp {
  const help = "see the documentation of --cors-allowed-origins";
  if (text === "") throw new Error(`empty value in --cors-allowed-origins, help: ${help}`);
  let pattern: RegExp;
  try {
    pattern = new RegExp(text);
  } catch (error) {
    throw new Error(`--cors-allowed-origins has an invalid regular expression: ${(error as Error).message}`);
  }
  const pinsStart = text.startsWith("^") || text.includes("//");
  const pinsEnd = text.endsWith("$") || text.includes(":");
  if (!pinsStart || !pinsEnd) {
    throw new Error(
      `--cors-allowed-origins has an invalid regular expression: regular expression does not pin to start/end of host in the origin header, help: ${help}`,
    );
  }
  return pattern;
}
