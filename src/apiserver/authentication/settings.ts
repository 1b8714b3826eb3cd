import { sleep } from "../../base/clock.ts";
import { reloadMetrics } from "../configuration/reload-metrics.ts";
import { contentHash, type ReloadingFile, reloadingFile } from "../configuration/reloading-file.ts";
import type { IdentityFlagValues, IdentityServices } from "../identity-flags.ts";
import { reviewWebhookConfig } from "../review-webhook.ts";
import type { TokenAuthenticator } from "./bearer.ts";
import type { JwtAuthenticators, JwtServices } from "./jwt/authenticator.ts";
import type { AnonymousConfiguration, AuthenticationConfiguration } from "./jwt/configuration.ts";
import { tokenFileAuthenticator } from "./token-file.ts";
import type { TokenWebhookOptions } from "./token-webhook.ts";
import type { AnonymousPolicy } from "./union.ts";

/** How long the issuers of a changed configuration may take to be reached; then the one before stays in force. */
const READY_WITHIN_MS = 60_000;
const READY_PERIOD_MS = 100;
/** Requests that the issuers of the configuration before are still verifying may end. */
const OLD_ISSUERS_GRACE_MS = 60_000;

/** Who is who, beside client certificates and the cluster's own tokens. */
export interface AuthenticationSettings {
  readonly anonymous: AnonymousPolicy;
  readonly tokenFile: TokenAuthenticator | undefined;
  readonly jwt: TokenAuthenticator | undefined;
  readonly tokenWebhook: Pick<TokenWebhookOptions, "config" | "version" | "cacheTtlMs"> | undefined;
  /** Where issuers come from a file. */
  readonly authenticationFile: ReloadingFile | undefined;
  stop(): void;
}

export async function authenticationSettings(
  flags: IdentityFlagValues,
  services: IdentityServices,
): Promise<AuthenticationSettings> {
  const { files } = services;
  const tokenFile = flags["token-auth-file"];
  const local = {
    tokenFile: tokenFile ? tokenFileAuthenticator(await files.readFile(tokenFile, "utf8")) : undefined,
    tokenWebhook: await tokenWebhook(flags, services),
  };
  return { ...local, ...(await issuers(flags, services)) };
}

type Issuers = Pick<AuthenticationSettings, "anonymous" | "jwt" | "authenticationFile" | "stop">;

async function issuers(flags: IdentityFlagValues, services: IdentityServices): Promise<Issuers> {
  const path = flags["authentication-config"];
  const byFlags = oidcConfiguration(flags);
  if (path) {
    if (byFlags) throw new Error("authentication-config file and oidc-* flags are mutually exclusive");
    return issuersFromFile(path, flags, services);
  }
  const enabled = flags["anonymous-auth"] ?? true;
  const anonymous: AnonymousPolicy = () => enabled;
  if (!byFlags) return { anonymous, jwt: undefined, authenticationFile: undefined, stop: () => {} };
  const caFile = flags["oidc-ca-file"];
  const certificateAuthority = caFile ? await services.files.readFile(caFile, "utf8") : undefined;
  const [one] = byFlags.jwt ?? [];
  const configuration: AuthenticationConfiguration = {
    jwt: [{ ...one, issuer: { ...one?.issuer, ...(certificateAuthority ? { certificateAuthority } : {}) } }],
  };
  const made = await makeIssuers(configuration, flags, services, flags["oidc-signing-algs"]);
  return { anonymous, jwt: made.authenticator, authenticationFile: undefined, stop: () => made.stop() };
}

async function issuersFromFile(path: string, flags: IdentityFlagValues, services: IdentityServices): Promise<Issuers> {
  const { files, clock, logger, metrics } = services;
  const { parseAuthenticationConfiguration } = await import("./jwt/configuration.ts");
  const load = async (content: string) => {
    const configuration = await parseAuthenticationConfiguration(content);
    if (configuration.anonymous && flags["anonymous-auth"] !== undefined) {
      throw new Error("anonymous: Forbidden: anonymous is not allowed to be set together with --anonymous-auth");
    }
    return { configuration, made: await makeIssuers(configuration, flags, services) };
  };
  const content = await files.readFile(path, "utf8");
  let current = await load(content).catch((error: Error) => {
    throw new Error(`--authentication-config: ${path}: ${error.message}`, { cause: error });
  });
  const ending = new AbortController();
  const file = reloadingFile({
    path,
    files,
    clock,
    logger,
    loaded: contentHash(content),
    async load(changed) {
      const next = await load(changed);
      try {
        await becomesReady(next.made, services, ending.signal);
      } catch (error) {
        next.made.stop();
        throw error;
      }
      const before = current;
      current = next;
      clock.after(OLD_ISSUERS_GRACE_MS, () => before.made.stop());
    },
    observer: reloadMetrics(metrics, clock, "apiserver_authentication_config_controller", contentHash(content)),
  });
  const anonymousByFlag = flags["anonymous-auth"] ?? true;
  return {
    anonymous: (requested) => {
      const { anonymous } = current.configuration;
      return anonymous ? isAnonymous(anonymous, requested) : anonymousByFlag;
    },
    jwt: {
      authenticateToken: (token, audiences) => current.made.authenticator.authenticateToken(token, audiences),
    },
    authenticationFile: file,
    stop() {
      ending.abort(new Error("stopped"));
      file.stop();
      current.made.stop();
    },
  };
}

function isAnonymous({ enabled = false, conditions = [] }: AnonymousConfiguration, requested: string): boolean {
  return enabled && (conditions.length === 0 || conditions.some(({ path }) => path === requested));
}

/** JWTs, and what it takes to read them, are loaded only where issuers are configured. */
async function makeIssuers(
  configuration: AuthenticationConfiguration,
  flags: IdentityFlagValues,
  { network, clock, logger, metrics }: IdentityServices,
  algorithms?: readonly string[],
): Promise<JwtAuthenticators> {
  const { jwtAuthenticators } = await import("./jwt/authenticator.ts");
  const { jwtMetrics } = await import("./jwt/metrics.ts");
  const { SIGNING_ALGORITHMS } = await import("./jwt/signature.ts");
  const unknown = algorithms?.find((one) => !SIGNING_ALGORITHMS.includes(one));
  if (unknown !== undefined) throw new Error(`oidc: unsupported signing alg: ${JSON.stringify(unknown)}`);
  const services: JwtServices = {
    network,
    clock,
    logger,
    metrics: jwtMetrics(metrics, clock),
    ownIssuers: flags["service-account-issuer"],
    ...(algorithms ? { algorithms } : {}),
  };
  return jwtAuthenticators(configuration, services);
}

async function becomesReady(made: JwtAuthenticators, { clock }: IdentityServices, signal: AbortSignal): Promise<void> {
  const giveUp = clock.monotonic() + READY_WITHIN_MS;
  for (let problem = made.problem(); problem; problem = made.problem()) {
    if (clock.monotonic() >= giveUp) throw problem;
    await sleep(clock, READY_PERIOD_MS, signal);
  }
}

/** The flags of one issuer as a configuration, without its CA; undefined where there are none. */
function oidcConfiguration(flags: IdentityFlagValues): AuthenticationConfiguration | undefined {
  const url = flags["oidc-issuer-url"];
  const client = flags["oidc-client-id"];
  if (!url !== !client)
    throw new Error("oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set");
  if (!url || !client) return undefined;
  const claim = flags["oidc-username-claim"];
  const given = flags["oidc-username-prefix"] ?? "";
  const usernamePrefix = given === "-" ? "" : given === "" && claim !== "email" ? `${url}#` : given;
  const groups = flags["oidc-groups-claim"];
  const rules = (flags["oidc-required-claim"] ?? []).map((pair) => {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw new Error(`--oidc-required-claim: malformed pair, expect string=string: ${pair}`);
    return { claim: pair.slice(0, equals), requiredValue: pair.slice(equals + 1) };
  });
  return {
    jwt: [
      {
        issuer: { url, audiences: [client] },
        claimMappings: {
          username: { claim, prefix: usernamePrefix },
          ...(groups ? { groups: { claim: groups, prefix: flags["oidc-groups-prefix"] ?? "" } } : {}),
        },
        claimValidationRules: rules,
      },
    ],
  };
}

async function tokenWebhook(
  flags: IdentityFlagValues,
  { files }: IdentityServices,
): Promise<AuthenticationSettings["tokenWebhook"]> {
  const path = flags["authentication-token-webhook-config-file"];
  if (!path) return undefined;
  const version = flags["authentication-token-webhook-version"];
  if (version !== "v1" && version !== "v1beta1") {
    throw new Error(
      `unsupported authentication webhook version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    );
  }
  return {
    config: await reviewWebhookConfig(path, files),
    version,
    cacheTtlMs: flags["authentication-token-webhook-cache-ttl"],
  };
}
