import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Flags, FlagValues } from "../base/flags.ts";
import type { Logger } from "../base/logger.ts";
import type { MetricsRegistry } from "../base/metrics.ts";
import type { Network } from "../base/network.ts";
import { checkServiceAccountFlags } from "./authentication/service-account-flags.ts";
import { type AuthenticationSettings, authenticationSettings } from "./authentication/settings.ts";
import { type AuthorizationSettings, authorizationSettings } from "./authorization/settings.ts";

const MINUTE_MS = 60_000;

/** Who is who and who may do what: upstream's flags of authentication and authorization, beside those that are always needed. */
export const identityFlags = {
  "authentication-config": { kind: "string", description: "a file of kind AuthenticationConfiguration" },
  "oidc-issuer-url": { kind: "string", description: "the URL (https) of an OpenID Connect issuer" },
  "oidc-client-id": { kind: "string", description: "the audience that the issuer's tokens must be for" },
  "oidc-ca-file": { kind: "string", description: "the CA of the issuer's certificate (PEM); default: the system's" },
  "oidc-username-claim": { kind: "string", default: "sub", description: "the claim that is the user's name" },
  "oidc-username-prefix": {
    kind: "string",
    description: "goes before user names; `-` for nothing; default: the issuer's URL and #, but nothing before emails",
  },
  "oidc-groups-claim": { kind: "string", description: "the claim that holds the user's groups" },
  "oidc-groups-prefix": { kind: "string", description: "goes before groups" },
  "oidc-signing-algs": { kind: "list", default: ["RS256"], description: "the signature algorithms that are accepted" },
  "oidc-required-claim": { kind: "list", description: "a claim that must be there: key=value" },
  "token-auth-file": { kind: "string", description: "a CSV file of tokens: token,user,uid,groups" },
  "authentication-token-webhook-config-file": {
    kind: "string",
    description: "a kubeconfig file of a service that is asked about tokens",
  },
  "authentication-token-webhook-version": {
    kind: "string",
    default: "v1beta1",
    description: "the version of the TokenReviews: v1 or v1beta1",
  },
  "authentication-token-webhook-cache-ttl": {
    kind: "duration",
    default: 2 * MINUTE_MS,
    description: "how long the answers are remembered",
  },
  "authorization-config": { kind: "string", description: "a file of kind AuthorizationConfiguration" },
  "authorization-policy-file": { kind: "string", description: "the policies of the mode ABAC" },
  "authorization-webhook-config-file": {
    kind: "string",
    description: "a kubeconfig file of the service that the mode Webhook asks",
  },
  "authorization-webhook-version": {
    kind: "string",
    default: "v1beta1",
    description: "the version of the SubjectAccessReviews: v1 or v1beta1",
  },
  "authorization-webhook-cache-authorized-ttl": {
    kind: "duration",
    default: 5 * MINUTE_MS,
    description: "how long it is remembered that something is allowed",
  },
  "authorization-webhook-cache-unauthorized-ttl": {
    kind: "duration",
    default: MINUTE_MS / 2,
    description: "how long it is remembered that something is not allowed",
  },
} as const satisfies Flags;

/** The flags as given; `authorization-mode` and `anonymous-auth` are undefined where they are not. */
export type IdentityFlagValues = FlagValues<typeof identityFlags> & {
  readonly "authorization-mode"?: readonly string[];
  readonly "anonymous-auth"?: boolean;
  readonly "service-account-issuer": readonly string[];
  readonly "service-account-jwks-uri"?: string;
  readonly "service-account-max-token-expiration"?: number;
};

export interface IdentityServices {
  files: Files;
  clock: Clock;
  logger: Logger;
  network: Network;
  metrics: MetricsRegistry;
}

export type IdentitySettings = AuthenticationSettings & AuthorizationSettings & { stop(): void };

/** What the flags come to, with the files that they name read and followed. Rejects for what can't be used. */
export async function identitySettings(
  flags: IdentityFlagValues,
  services: IdentityServices,
): Promise<IdentitySettings> {
  checkServiceAccountFlags(flags);
  const authorization = await authorizationSettings(flags, services);
  try {
    const allowsAll = authorization.authorizers.specs.some(({ type }) => type === "AlwaysAllow");
    if (allowsAll && flags["anonymous-auth"] !== false) {
      services.logger.warn(
        "everything is allowed, so nobody may be anonymous: requests without credentials are refused",
      );
    }
    const authentication = await authenticationSettings(
      allowsAll ? { ...flags, "anonymous-auth": false } : flags,
      services,
    );
    return {
      ...authorization,
      ...authentication,
      stop() {
        authorization.stop();
        authentication.stop();
      },
    };
  } catch (error) {
    authorization.stop();
    throw error;
  }
}
