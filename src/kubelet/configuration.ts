import { parseDuration } from "../api/duration.ts";
import { quantityValue } from "../api/quantity.ts";
import type { KubeletSettings } from "./settings.ts";

/**
 * The KubeletConfiguration of kubelet.config.k8s.io/v1beta1, as far as it is supported. A field that is not, or a value
 * that would change what this kubelet does and doesn't do, is refused with a clear error rather than ignored.
 * https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
 */
export interface KubeletConfiguration {
  settings: Partial<KubeletSettings>;
  /** What concerns the kubelet's server and its connections, which others set up. */
  server: ServerSettings;
}
export interface ServerSettings {
  port?: number;
  address?: string;
  tlsCertFile?: string;
  tlsPrivateKeyFile?: string;
  clientCaFile?: string;
  containerRuntimeEndpoint?: string;
}

/** How a value is written in the file, or on the command line. */
export type FieldKind =
  | "string"
  | "boolean"
  | "integer"
  | "duration"
  | "bytes"
  | "list"
  | "map"
  | "durations"
  | "taints";

export class ConfigurationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ConfigurationError";
  }
}

/** A supported field: where its value goes, and how it is written. */
type Field =
  | { setting: keyof KubeletSettings; kind: FieldKind }
  | { server: keyof ServerSettings; kind: FieldKind }
  /** Taken only where it says what this kubelet does anyway. */
  | { only: readonly unknown[] };

const setting = (name: keyof KubeletSettings, kind: FieldKind): Field => ({ setting: name, kind });
const server = (name: keyof ServerSettings, kind: FieldKind = "string"): Field => ({ server: name, kind });
const only = (...values: unknown[]): Field => ({ only: values });

const FIELDS: Readonly<Record<string, Field>> = {
  staticPodPath: setting("staticPodPath", "string"),
  podLogsDir: setting("podLogsDir", "string"),
  syncFrequency: setting("syncFrequency", "duration"),
  fileCheckFrequency: setting("fileCheckFrequency", "duration"),
  clusterDomain: setting("clusterDomain", "string"),
  clusterDNS: setting("clusterDns", "list"),
  nodeStatusUpdateFrequency: setting("nodeStatusUpdateFrequency", "duration"),
  nodeStatusReportFrequency: setting("nodeStatusReportFrequency", "duration"),
  nodeLeaseDurationSeconds: setting("nodeLeaseDurationSeconds", "integer"),
  imageMinimumGCAge: setting("imageMinimumGcAge", "duration"),
  imageMaximumGCAge: setting("imageMaximumGcAge", "duration"),
  imageGCHighThresholdPercent: setting("imageGcHighThresholdPercent", "integer"),
  imageGCLowThresholdPercent: setting("imageGcLowThresholdPercent", "integer"),
  cgroupRoot: setting("cgroupRoot", "string"),
  cgroupsPerQOS: setting("cgroupsPerQos", "boolean"),
  maxPods: setting("maxPods", "integer"),
  podsPerCore: setting("podsPerCore", "integer"),
  podPidsLimit: setting("podPidsLimit", "integer"),
  resolvConf: setting("resolvConf", "string"),
  cpuCFSQuota: setting("cpuCfsQuota", "boolean"),
  serializeImagePulls: setting("serializeImagePulls", "boolean"),
  maxParallelImagePulls: setting("maxParallelImagePulls", "integer"),
  evictionHard: setting("evictionHard", "map"),
  evictionSoft: setting("evictionSoft", "map"),
  evictionSoftGracePeriod: setting("evictionSoftGracePeriod", "durations"),
  evictionMaxPodGracePeriod: setting("evictionMaxPodGracePeriodSeconds", "integer"),
  evictionPressureTransitionPeriod: setting("evictionPressureTransitionPeriod", "duration"),
  containerLogMaxSize: setting("containerLogMaxSize", "bytes"),
  containerLogMaxFiles: setting("containerLogMaxFiles", "integer"),
  containerLogMonitorInterval: setting("containerLogMonitorInterval", "duration"),
  systemReserved: setting("systemReserved", "map"),
  kubeReserved: setting("kubeReserved", "map"),
  allowedUnsafeSysctls: setting("allowedUnsafeSysctls", "list"),
  providerID: setting("providerId", "string"),
  seccompDefault: setting("seccompDefault", "boolean"),
  registerWithTaints: setting("registerWithTaints", "taints"),
  registerNode: setting("registerNode", "boolean"),
  "crashLoopBackOff.maxContainerRestartPeriod": setting("maxContainerRestartPeriod", "duration"),
  port: server("port", "integer"),
  address: server("address"),
  tlsCertFile: server("tlsCertFile"),
  tlsPrivateKeyFile: server("tlsPrivateKeyFile"),
  "authentication.x509.clientCAFile": server("clientCaFile"),
  containerRuntimeEndpoint: server("containerRuntimeEndpoint"),
  "authentication.anonymous.enabled": only(false),
  "authentication.webhook.enabled": only(true),
  "authorization.mode": only("Webhook"),
  cgroupDriver: only("cgroupfs"),
  configMapAndSecretChangeDetectionStrategy: only("Watch"),
  cpuManagerPolicy: only("none"),
  enableControllerAttachDetach: only(true),
  enableServer: only(true),
  enforceNodeAllocatable: only(["pods"]),
  failSwapOn: only(false),
  failCgroupV1: only(false),
  imagePullCredentialsVerificationPolicy: only("NeverVerifyPreloadedImages"),
  localStorageCapacityIsolation: only(true),
  makeIPTablesUtilChains: only(true),
  memoryManagerPolicy: only("None"),
  readOnlyPort: only(0),
  rotateCertificates: only(false),
  serverTLSBootstrap: only(false),
  topologyManagerPolicy: only("none"),
};

/** Reads a configuration that was parsed from YAML or JSON. Throws a ConfigurationError. */
export function readConfiguration(value: unknown): KubeletConfiguration {
  if (!isMap(value)) throw new ConfigurationError("the kubelet's configuration is not an object");
  const { apiVersion, kind, ...fields } = value;
  if (apiVersion !== "kubelet.config.k8s.io/v1beta1" || kind !== "KubeletConfiguration") {
    throw new ConfigurationError(
      `the kubelet's configuration must be a KubeletConfiguration of kubelet.config.k8s.io/v1beta1, not ${kind} of ${apiVersion}`,
    );
  }
  const result: KubeletConfiguration = { settings: {}, server: {} };
  for (const [path, content] of leaves(fields)) apply(result, path, content);
  return result;
}

function apply(result: KubeletConfiguration, path: string, content: unknown): void {
  const field = FIELDS[path];
  if (!field) throw new ConfigurationError(`KubeletConfiguration field ${path} is not supported`);
  if ("only" in field) {
    if (field.only.some((value) => JSON.stringify(value) === JSON.stringify(content))) return;
    const allowed = field.only.map((value) => JSON.stringify(value)).join(" or ");
    throw new ConfigurationError(`KubeletConfiguration field ${path}: only ${allowed} is supported`);
  }
  const value = convert(path, field.kind, content);
  if ("setting" in field) Object.assign(result.settings, { [field.setting]: value });
  else Object.assign(result.server, { [field.server]: value });
}

/** The value of a field as the settings hold it. Throws a ConfigurationError that names the field. */
export function convert(path: string, kind: FieldKind, content: unknown): unknown {
  const wrong = (expected: string) => new ConfigurationError(`${path}: ${JSON.stringify(content)} is not ${expected}`);
  try {
    switch (kind) {
      case "string":
        if (typeof content !== "string") throw wrong("a string");
        return content;
      case "boolean":
        if (typeof content !== "boolean") throw wrong("true or false");
        return content;
      case "integer":
        if (!Number.isSafeInteger(content)) throw wrong("an integer");
        return content;
      case "duration":
        return parseDuration(String(content));
      case "bytes":
        return quantityValue(String(content));
      case "list":
        if (!Array.isArray(content)) throw wrong("a list");
        return content.map(String);
      case "map":
        if (!isMap(content)) throw wrong("a map");
        return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, String(value)]));
      case "durations":
        if (!isMap(content)) throw wrong("a map");
        return Object.fromEntries(Object.entries(content).map(([key, value]) => [key, parseDuration(String(value))]));
      case "taints":
        if (!Array.isArray(content)) throw wrong("a list of taints");
        return content;
    }
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    throw new ConfigurationError(`${path}: ${(error as Error).message}`);
  }
}

/** Fields by their path; maps and lists that are values of a field stay whole. */
function* leaves(value: Record<string, unknown>, prefix = ""): Generator<[string, unknown]> {
  for (const [key, content] of Object.entries(value)) {
    const path = prefix + key;
    const nested = !(path in FIELDS) && Object.keys(FIELDS).some((name) => name.startsWith(`${path}.`));
    if (nested && isMap(content)) yield* leaves(content, `${path}.`);
    else yield [path, content];
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
