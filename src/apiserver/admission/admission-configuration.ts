import { dirname, isAbsolute, join } from "node:path";
import type { Files } from "../../base/files.ts";
import { anyObject, type ConfigurationKind, listOf, readConfiguration, record, text } from "../configuration/shape.ts";
import { type EventLimit, eventRateLimitConfiguration } from "./event-rate-limit.ts";
import { podSecurityConfiguration } from "./pod-security/configuration.ts";
import type { PodSecurityConfiguration } from "./pod-security/policy.ts";
import { type LimitedResource, resourceQuotaConfiguration } from "./resource-quota/configuration.ts";
import { type WebhookCredentials, webhookCredentials } from "./webhook/webhook-credentials.ts";

/** What upstream's --admission-control-config-file says, of the plugins that can be configured. */
export interface AdmissionConfiguration {
  readonly podSecurity?: PodSecurityConfiguration;
  readonly eventLimits?: readonly EventLimit[];
  readonly limitedResources?: readonly LimitedResource[];
  /** By the names of the two webhook plugins: who the server is to webhooks. */
  readonly webhookCredentials: ReadonlyMap<string, WebhookCredentials>;
}

const GROUP = "apiserver.config.k8s.io";
const KIND: ConfigurationKind = {
  group: GROUP,
  versions: ["v1", "v1alpha1"],
  kind: "AdmissionConfiguration",
  fields: {
    plugins: listOf(record("AdmissionPluginConfiguration", { name: text, path: text, configuration: anyObject })),
  },
};
const WEBHOOKS: ConfigurationKind = {
  group: GROUP,
  versions: ["v1", "v1alpha1"],
  kind: "WebhookAdmissionConfiguration",
  fields: { kubeConfigFile: text },
};
/** The kind's older name. */
const OLD_WEBHOOKS: ConfigurationKind = { ...WEBHOOKS, kind: "WebhookAdmission", versions: ["v1alpha1"] };

interface PluginEntry {
  name?: string;
  path?: string;
  configuration?: object;
}

/**
 * Reads an AdmissionConfiguration. A plugin's own configuration is part of it, or a file beside it. Throws an Error for
 * what can't be used, configurations of plugins that take none here included.
 */
export async function admissionConfiguration(path: string, files: Files): Promise<AdmissionConfiguration> {
  const content = await files.readFile(path, "utf8");
  const { configuration } = await readConfiguration<{ plugins?: PluginEntry[] }>(content, KIND);
  const credentials = new Map<string, WebhookCredentials>();
  let podSecurity: PodSecurityConfiguration | undefined;
  let eventLimits: readonly EventLimit[] | undefined;
  let limitedResources: readonly LimitedResource[] | undefined;
  for (const plugin of configuration.plugins ?? []) {
    const own = await contentOf(plugin, dirname(path), files);
    if (own === undefined) continue;
    try {
      if (plugin.name === "PodSecurity") podSecurity = await podSecurityConfiguration(own);
      else if (plugin.name === "ResourceQuota") limitedResources = await resourceQuotaConfiguration(own);
      else if (plugin.name === "EventRateLimit") eventLimits = await eventRateLimitConfiguration(own);
      else if (plugin.name === "MutatingAdmissionWebhook" || plugin.name === "ValidatingAdmissionWebhook") {
        const found = await credentialsOf(own, files);
        if (found) credentials.set(plugin.name, found);
      } else throw new Error("a configuration of this plugin is not supported");
    } catch (error) {
      throw new Error(`couldn't init admission plugin ${JSON.stringify(plugin.name)}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return {
    ...(podSecurity ? { podSecurity } : {}),
    ...(eventLimits ? { eventLimits } : {}),
    ...(limitedResources ? { limitedResources } : {}),
    webhookCredentials: credentials,
  };
}

/** A plugin's own configuration: given in place, or in a file that is relative to the first one. */
async function contentOf(
  { configuration, path }: PluginEntry,
  base: string,
  files: Files,
): Promise<string | undefined> {
  if (configuration) return JSON.stringify(configuration);
  if (!path) return undefined;
  return files.readFile(isAbsolute(path) ? path : join(base, path), "utf8");
}

async function credentialsOf(content: string, files: Files): Promise<WebhookCredentials | undefined> {
  const kind = /kind"?:\s*"?WebhookAdmission"?\s*(,|\}|$)/m.test(content) ? OLD_WEBHOOKS : WEBHOOKS;
  const { configuration } = await readConfiguration<{ kubeConfigFile?: string }>(content, kind);
  const { kubeConfigFile = "" } = configuration;
  if (kubeConfigFile === "") return undefined;
  if (!isAbsolute(kubeConfigFile)) {
    throw new Error(`kubeConfigFile: Invalid value: ${JSON.stringify(kubeConfigFile)}: must be an absolute file path`);
  }
  return webhookCredentials(kubeConfigFile, files);
}
