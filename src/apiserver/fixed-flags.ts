import type { Flag, FlagKind, Flags } from "../base/flags.ts";

/**
 * Flags of upstream's server that can have but one value here, so that a command line that spells the defaults out is
 * understood, and one that asks for something else is told so.
 */
const ONLY: Readonly<Record<string, { kind: FlagKind; value: boolean | string | number }>> = {
  "watch-cache": { kind: "boolean", value: true },
  "enable-garbage-collector": { kind: "boolean", value: true },
  "enable-logs-handler": { kind: "boolean", value: false },
  "service-account-lookup": { kind: "boolean", value: true },
  "aggregator-reject-forwarding-redirect": { kind: "boolean", value: true },
  "permit-port-sharing": { kind: "boolean", value: false },
  "permit-address-sharing": { kind: "boolean", value: false },
  "endpoint-reconciler-type": { kind: "string", value: "lease" },
  "logging-format": { kind: "string", value: "text" },
  "kubelet-timeout": { kind: "duration", value: 5_000 },
  "kubelet-port": { kind: "integer", value: 10_250 },
  "max-connection-bytes-per-sec": { kind: "integer", value: 0 },
  "storage-initialization-timeout": { kind: "duration", value: 60_000 },
  "emulation-forward-compatible": { kind: "boolean", value: false },
};

/** Flags of upstream's server for what is not there. */
const NEVER: readonly string[] = [
  "allow-metric-labels",
  "allow-metric-labels-manifest",
  "cert-dir",
  "debug-socket-path",
  "default-watch-cache-size",
  "delete-collection-workers",
  "disabled-metrics",
  "egress-selector-config-file",
  "emulated-version",
  "external-hostname",
  "min-compatibility-version",
  "peer-advertise-ip",
  "peer-advertise-port",
  "peer-ca-file",
  "show-hidden-metrics-for-version",
  "tls-curve-preferences",
  "tracing-config-file",
  "vmodule",
  "watch-cache-sizes",
];

const only = ({ kind, value }: { kind: FlagKind; value: unknown }): Flag => ({
  kind,
  description: `only ${String(value)} is supported${kind === "duration" ? " (ms)" : ""}`,
});

/** These flags, to be listed beside the others. */
export const fixedFlags: Flags = {
  ...Object.fromEntries(Object.entries(ONLY).map(([name, row]) => [name, only(row)])),
  ...Object.fromEntries(NEVER.map((name): [string, Flag] => [name, { kind: "string", description: "not supported" }])),
};

/** Throws where one of them is given another value than the only one. */
export function checkFixedFlags(flags: Readonly<Record<string, unknown>>): void {
  for (const [name, { kind, value }] of Object.entries(ONLY)) {
    const given = flags[name];
    if (given === undefined || given === value) continue;
    const shown = kind === "duration" ? `${Number(value) / 1000}s` : String(value);
    throw new Error(`--${name}: only ${shown} is supported`);
  }
  for (const name of NEVER) if (flags[name] !== undefined) throw new Error(`--${name} is not supported`);
}
