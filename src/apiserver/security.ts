import { createPrivateKey } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import { publicKeysFromPem, signingKey, type TokenKey, tokenKey } from "../base/jwt.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import { type MetricsRegistry, metricsRegistry } from "../base/metrics.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import type { AdmissionPlugin } from "./admission/admission.ts";
import { podCertificateSigning } from "./admission/certificates.ts";
import { bearerAuthenticator, type TokenAuthenticator, tokenUnion } from "./authentication/bearer.ts";
import { bootstrapTokenAuthenticator } from "./authentication/bootstrap-token.ts";
import { certificateAuthenticator } from "./authentication/certificate.ts";
import { legacyTokenUse } from "./authentication/legacy-token-use.ts";
import { type RequestHeaderOptions, requestHeaderAuthenticator } from "./authentication/request-header.ts";
import { serviceAccountTokenAuthenticator } from "./authentication/service-account-token.ts";
import { type TokenWebhookOptions, tokenWebhookAuthenticator } from "./authentication/token-webhook.ts";
import { type AnonymousPolicy, authenticatorUnion } from "./authentication/union.ts";
import type { Authenticator } from "./authentication.ts";
import type { AuthorizerSpec } from "./authorization/configuration.ts";
import { configuredAuthorizer, replaceableAuthorizer, specsForModes } from "./authorization/configured.ts";
import { authorizationMetrics } from "./authorization/metrics.ts";
import { nodeAuthorizer } from "./authorization/node.ts";
import { accessReviewResources } from "./authorization/reviews.ts";
import type { Authorizer } from "./authorization.ts";
import type { Lookup } from "./lookup.ts";
import { rbacAuthorizer } from "./rbac/authorizer.ts";
import { nodeRules } from "./rbac/bootstrap-policy.ts";
import { escalationCheck } from "./rbac/escalation.ts";
import { PolicyIndex } from "./rbac/policy-index.ts";
import { issuerDocuments, type StaticDocument } from "./tokens/discovery.ts";
import { tokenIssuer } from "./tokens/issuer.ts";
import { selfSubjectReviewResource, tokenReviewResource } from "./tokens/reviews.ts";
import { tokenRequests } from "./tokens/token-request.ts";
import type { VirtualResource } from "./virtual-resource.ts";
import { unreachableWebhooks, type WebhookCaller } from "./webhook/webhook-client.ts";

export interface SecurityOptions {
  /** Upstream's --authorization-mode, of those that need no configuration. Default: Node, RBAC. */
  authorizationModes?: readonly string[];
  /** In place of the modes: authorizers with their configuration, which may change. */
  authorizers?: ConfiguredAuthorizers;
  /** Which requests without credentials are let through to authorization, as `system:anonymous`. Default: all. */
  anonymous?: boolean | AnonymousPolicy;
  /** Whether bootstrap tokens (of joining nodes) are accepted. Default true. */
  bootstrapTokens?: boolean;
  /** Tokens of upstream's --token-auth-file. */
  tokenFile?: TokenAuthenticator;
  /** Tokens of other issuers: OpenID Connect. */
  jwt?: TokenAuthenticator;
  /** Who is asked about tokens that nobody else knows. */
  tokenWebhook?: Pick<TokenWebhookOptions, "config" | "version" | "cacheTtlMs">;
  /** Proxies that name the user in headers. */
  requestHeader?: RequestHeaderOptions;
  serviceAccounts: {
    /** The first one signs; the others are accepted too. */
    issuers: readonly string[];
    /** PEM of the private key that signs tokens. */
    signingKey: string | Buffer;
    /** PEM of further keys (public, private or certificates, one or several each) whose tokens are accepted. */
    keys?: readonly (string | Buffer)[];
    /** What tokens of this API server are for. Default: the issuers. */
    audiences?: readonly string[];
    maxExpirationSeconds?: number;
    /** Whether tokens of projected volumes live longer than asked for. Default true. */
    extendExpiration?: boolean;
    jwksUri?: string;
  };
}

export interface ConfiguredAuthorizers {
  readonly specs: readonly AuthorizerSpec[];
  /** Called with what takes the place of `specs`. */
  onChange(callback: (specs: readonly AuthorizerSpec[]) => void): void;
}

export interface SecurityContext {
  lookup: Lookup;
  clock: Clock;
  random: Random;
  externalAddress: string;
  logger?: Logger;
  metrics?: MetricsRegistry;
  /** Default: none can be reached. */
  webhooks?: WebhookCaller;
  /** Writes as the server itself, for what is noted about tokens; asked for on the first use. */
  client?: () => Client;
}

/** Who may do what, and the resources that tell. */
export interface Security {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  /** Checks that are made whatever admission plugins are enabled. */
  readonly admission: readonly AdmissionPlugin[];
  readonly virtualResources: readonly VirtualResource[];
  readonly documents: readonly StaticDocument[];
  /** Resolves when the policies that are stored have been read. */
  start(): Promise<void>;
  stop(): void;
}

/** Puts authentication, authorization and token issuing together. Throws for keys or modes that can't be used. */
export function security(options: SecurityOptions, context: SecurityContext): Security {
  const { lookup, clock, random, webhooks = unreachableWebhooks, logger = silentLogger, client } = context;
  const metrics = context.metrics ?? metricsRegistry();
  const { issuers, audiences = issuers, maxExpirationSeconds, extendExpiration, jwksUri } = options.serviceAccounts;
  const signing = signingKey(createPrivateKey(options.serviceAccounts.signingKey));
  const others = (options.serviceAccounts.keys ?? []).flatMap((pem) => publicKeysFromPem(pem).map(tokenKey));
  const keys: TokenKey[] = [...new Map([signing, ...others].map((key) => [key.id, key])).values()];
  const calls = { webhooks, clock, random };

  // As upstream: those first that know by themselves, then those who have to ask.
  const onLegacyUse = client ? legacyTokenUse({ client, clock, logger }) : undefined;
  const tokens = tokenUnion([
    ...(options.tokenFile ? [options.tokenFile] : []),
    serviceAccountTokenAuthenticator({ issuers, keys, lookup, clock, ...(onLegacyUse ? { onLegacyUse } : {}) }),
    ...((options.bootstrapTokens ?? true) ? [bootstrapTokenAuthenticator({ lookup, clock })] : []),
    ...(options.jwt ? [options.jwt] : []),
    ...(options.tokenWebhook ? [tokenWebhookAuthenticator({ ...calls, ...options.tokenWebhook, audiences })] : []),
  ]);
  const { requestHeader } = options;
  const authenticator = authenticatorUnion(
    [
      ...(requestHeader ? [requestHeaderAuthenticator(requestHeader)] : []),
      certificateAuthenticator({ clock }),
      bearerAuthenticator(tokens, audiences),
    ],
    {
      anonymous: options.anonymous ?? true,
      // The client is not told why.
      onFailure: (error) =>
        logger.warn("a request could not be authenticated", { error: (error as Error).cause ?? error }),
    },
  );

  const policies = new PolicyIndex();
  const own = { Node: nodeAuthorizer({ lookup, rules: nodeRules() }), RBAC: rbacAuthorizer(policies) };
  const { authorizers } = options;
  const specs =
    authorizers?.specs ?? specsForModes(options.authorizationModes ?? ["Node", "RBAC"], undefined, undefined);
  const observed = { ...calls, metrics: authorizationMetrics(metrics) };
  const replaceable = replaceableAuthorizer(configuredAuthorizer(specs, own, observed));
  authorizers?.onChange((next) => replaceable.replace(configuredAuthorizer(next, own, observed)));
  // Only what may be replaced has to be looked up each time.
  const authorizer = authorizers ? replaceable.authorizer : configuredAuthorizer(specs, own, observed);

  const issuer = tokenIssuer({ issuer: issuers[0]!, key: signing, clock, random });
  let following: { stop(): void } | undefined;
  return {
    authenticator,
    authorizer,
    admission: [
      escalationCheck({ authorizer, rules: authorizer, index: policies }),
      podCertificateSigning({ authorizer }),
    ],
    virtualResources: [
      tokenReviewResource(tokens, audiences),
      selfSubjectReviewResource({ clock }),
      ...accessReviewResources(authorizer, authorizer),
      tokenRequests({ issuer, audiences, maxExpirationSeconds, extendExpiration, lookup, clock }),
    ],
    documents: documents({ issuer: issuers[0]!, jwksUri, externalAddress: context.externalAddress, keys }, logger),
    async start() {
      following = await policies.start(lookup);
    },
    stop: () => following?.stop(),
  };
}

/** As upstream: an issuer that OpenID can't discover has no documents, but signs all the same. */
function documents(options: Parameters<typeof issuerDocuments>[0], logger: Logger): StaticDocument[] {
  try {
    return issuerDocuments(options);
  } catch (error) {
    logger.warn("the documents for the discovery of the ServiceAccount issuer are not served", { error });
    return [];
  }
}
