import { reloadMetrics } from "../configuration/reload-metrics.ts";
import { contentHash, type ReloadingFile, reloadingFile } from "../configuration/reloading-file.ts";
import type { IdentityFlagValues, IdentityServices } from "../identity-flags.ts";
import { REVIEW_TIMEOUT_MS, reviewWebhookConfig } from "../review-webhook.ts";
import { parseAbacPolicies } from "./abac.ts";
import { type AuthorizerSpec, parseAuthorizationConfiguration } from "./configuration.ts";
import { specsForModes } from "./configured.ts";
import type { AuthorizationWebhook } from "./webhook.ts";

export const DEFAULT_MODES: readonly string[] = ["Node", "RBAC"];

/** Who decides, as the flags or a file say. */
export interface AuthorizationSettings {
  readonly authorizers: {
    readonly specs: readonly AuthorizerSpec[];
    onChange(callback: (specs: readonly AuthorizerSpec[]) => void): void;
  };
  /** Where authorizers come from a file. */
  readonly authorizationFile: ReloadingFile | undefined;
  stop(): void;
}

export async function authorizationSettings(
  flags: IdentityFlagValues,
  services: IdentityServices,
): Promise<AuthorizationSettings> {
  return flags["authorization-config"]
    ? fromFile(flags["authorization-config"], flags, services)
    : fromModes(flags, services);
}

const MODE_FLAGS = ["authorization-mode", "authorization-policy-file", "authorization-webhook-config-file"] as const;

async function fromFile(
  path: string,
  flags: IdentityFlagValues,
  { files, clock, logger, metrics }: IdentityServices,
): Promise<AuthorizationSettings> {
  const other = MODE_FLAGS.find((name) => flags[name] !== undefined);
  if (other) throw new Error(`--authorization-config can not be specified when --${other} is specified`);
  const content = await files.readFile(path, "utf8");
  const specs = await parseAuthorizationConfiguration(content, files).catch((error: Error) => {
    throw new Error(
      `--authorization-config: failed to load AuthorizationConfiguration from ${path}: ${error.message}`,
      {
        cause: error,
      },
    );
  });
  const listeners: ((specs: readonly AuthorizerSpec[]) => void)[] = [];
  const own = typesBesideWebhooks(specs);
  const file = reloadingFile({
    path,
    files,
    clock,
    logger,
    loaded: contentHash(content),
    async load(changed) {
      const next = await parseAuthorizationConfiguration(changed, files);
      // As upstream: only webhooks come and go while the server runs.
      const missing = own.filter((type) => !typesBesideWebhooks(next).includes(type));
      if (missing.length > 0) throw new Error(`missing required types: ${missing.join(", ")}`);
      const added = typesBesideWebhooks(next).filter((type) => !own.includes(type));
      if (added.length > 0) throw new Error(`types can't be added while the server runs: ${added.join(", ")}`);
      for (const listener of listeners) listener(next);
    },
    observer: reloadMetrics(metrics, clock, "apiserver_authorization_config_controller", contentHash(content)),
  });
  return {
    authorizers: { specs, onChange: (callback) => void listeners.push(callback) },
    authorizationFile: file,
    stop: () => file.stop(),
  };
}

const typesBesideWebhooks = (specs: readonly AuthorizerSpec[]): string[] =>
  specs.filter(({ type }) => type !== "Webhook").map(({ type }) => type);

async function fromModes(flags: IdentityFlagValues, { files }: IdentityServices): Promise<AuthorizationSettings> {
  const policyFile = flags["authorization-policy-file"];
  const policies = policyFile ? parseAbacPolicies(await files.readFile(policyFile, "utf8")) : undefined;
  const webhook = await webhookOf(flags, files);
  const modes = flags["authorization-mode"] ?? DEFAULT_MODES;
  return {
    authorizers: { specs: specsForModes(modes, policies && { policies }, webhook), onChange: () => {} },
    authorizationFile: undefined,
    stop: () => {},
  };
}

async function webhookOf(
  flags: IdentityFlagValues,
  files: IdentityServices["files"],
): Promise<AuthorizationWebhook | undefined> {
  const path = flags["authorization-webhook-config-file"];
  if (!path) return undefined;
  const version = flags["authorization-webhook-version"];
  if (version !== "v1" && version !== "v1beta1") {
    throw new Error(
      `unsupported webhook authorizer version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    );
  }
  return {
    config: await reviewWebhookConfig(path, files),
    version,
    timeoutMs: REVIEW_TIMEOUT_MS,
    authorizedTtlMs: flags["authorization-webhook-cache-authorized-ttl"],
    unauthorizedTtlMs: flags["authorization-webhook-cache-unauthorized-ttl"],
    onFailure: "no-opinion",
    conditions: [],
  };
}
