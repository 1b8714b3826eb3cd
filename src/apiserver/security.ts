import { createPrivateKey, createPublicKey } from "node:crypto";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { AdmissionPlugin } from "./admission/admission.ts";
import { bearerAuthenticator, tokenUnion } from "./authentication/bearer.ts";
import { bootstrapTokenAuthenticator } from "./authentication/bootstrap-token.ts";
import { certificateAuthenticator } from "./authentication/certificate.ts";
import { serviceAccountTokenAuthenticator } from "./authentication/service-account-token.ts";
import { authenticatorUnion } from "./authentication/union.ts";
import type { Authenticator } from "./authentication.ts";
import { nodeAuthorizer } from "./authorization/node.ts";
import { accessReviewResources } from "./authorization/reviews.ts";
import { authorizerForModes } from "./authorization/union.ts";
import type { Authorizer } from "./authorization.ts";
import type { Lookup } from "./lookup.ts";
import { rbacAuthorizer } from "./rbac/authorizer.ts";
import { nodeRules } from "./rbac/bootstrap-policy.ts";
import { escalationCheck } from "./rbac/escalation.ts";
import { PolicyIndex } from "./rbac/policy-index.ts";
import { issuerDocuments, type StaticDocument } from "./tokens/discovery.ts";
import { tokenIssuer } from "./tokens/issuer.ts";
import { signingKey, type TokenKey, tokenKey } from "./tokens/jwt.ts";
import { selfSubjectReviewResource, tokenReviewResource } from "./tokens/reviews.ts";
import { tokenRequests } from "./tokens/token-request.ts";
import type { VirtualResource } from "./virtual-resource.ts";

export interface SecurityOptions {
  /** Upstream's --authorization-mode. Default: Node, RBAC. */
  authorizationModes?: readonly string[];
  /** Whether requests without credentials are let through to authorization, as `system:anonymous`. Default true. */
  anonymous?: boolean;
  /** Whether bootstrap tokens (of joining nodes) are accepted. Default true. */
  bootstrapTokens?: boolean;
  serviceAccounts: {
    /** The first one signs; the others are accepted too. */
    issuers: readonly string[];
    /** PEM of the private key that signs tokens. */
    signingKey: string | Buffer;
    /** PEM of further keys (public or private) whose tokens are accepted. */
    keys?: readonly (string | Buffer)[];
    /** What tokens of this API server are for. Default: the issuers. */
    audiences?: readonly string[];
    maxExpirationSeconds?: number;
    /** Whether tokens of projected volumes live longer than asked for. Default true. */
    extendExpiration?: boolean;
    jwksUri?: string;
  };
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
export function security(
  options: SecurityOptions,
  context: { lookup: Lookup; clock: Clock; random: Random; externalAddress: string },
): Security {
  const { lookup, clock, random } = context;
  const { issuers, audiences = issuers, maxExpirationSeconds, extendExpiration, jwksUri } = options.serviceAccounts;
  const signing = signingKey(createPrivateKey(options.serviceAccounts.signingKey));
  const others = (options.serviceAccounts.keys ?? []).map((key) => tokenKey(createPublicKey(key)));
  const keys: TokenKey[] = [signing, ...others.filter((key) => key.id !== signing.id)];

  const tokens = tokenUnion([
    serviceAccountTokenAuthenticator({ issuers, keys, lookup, clock }),
    ...((options.bootstrapTokens ?? true) ? [bootstrapTokenAuthenticator({ lookup, clock })] : []),
  ]);
  const authenticator = authenticatorUnion(
    [certificateAuthenticator({ clock }), bearerAuthenticator(tokens, audiences)],
    { anonymous: options.anonymous ?? true },
  );
  const policies = new PolicyIndex();
  const authorizer = authorizerForModes(options.authorizationModes ?? ["Node", "RBAC"], {
    Node: nodeAuthorizer({ lookup, rules: nodeRules() }),
    RBAC: rbacAuthorizer(policies),
  });
  const issuer = tokenIssuer({ issuer: issuers[0]!, key: signing, clock, random });
  let following: { stop(): void } | undefined;
  return {
    authenticator,
    authorizer,
    admission: [escalationCheck({ authorizer, rules: authorizer, index: policies })],
    virtualResources: [
      tokenReviewResource(tokens, audiences),
      selfSubjectReviewResource({ clock }),
      ...accessReviewResources(authorizer, authorizer),
      tokenRequests({ issuer, audiences, maxExpirationSeconds, extendExpiration, lookup, clock }),
    ],
    documents: issuerDocuments({ issuer: issuers[0]!, jwksUri, externalAddress: context.externalAddress, keys }),
    async start() {
      following = await policies.start(lookup);
    },
    stop: () => following?.stop(),
  };
}
