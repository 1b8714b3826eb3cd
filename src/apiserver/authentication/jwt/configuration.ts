import { type ConfigurationKind, flag, listOf, readConfiguration, record, text } from "../../configuration/shape.ts";

/**
 * AuthenticationConfiguration (apiserver.config.k8s.io/v1): whose JWTs are accepted and whom they speak for, and when a
 * request without credentials is anonymous (KEP-3331, KEP-4633).
 */
export interface AuthenticationConfiguration {
  readonly jwt?: readonly JwtAuthenticatorConfiguration[];
  readonly anonymous?: AnonymousConfiguration;
}

export interface AnonymousConfiguration {
  readonly enabled?: boolean;
  /** Absent or empty: on all paths. */
  readonly conditions?: readonly { readonly path?: string }[];
}

export interface JwtAuthenticatorConfiguration {
  readonly issuer?: IssuerConfiguration;
  readonly claimValidationRules?: readonly ClaimValidationRule[];
  readonly claimMappings?: ClaimMappings;
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[];
}

export interface IssuerConfiguration {
  readonly url?: string;
  readonly discoveryURL?: string;
  /** PEM. */
  readonly certificateAuthority?: string;
  readonly audiences?: readonly string[];
  readonly audienceMatchPolicy?: string;
  readonly egressSelectorType?: string;
}

export interface ClaimValidationRule {
  readonly claim?: string;
  readonly requiredValue?: string;
  readonly expression?: string;
  readonly message?: string;
}

export interface ClaimMapping {
  readonly claim?: string;
  readonly prefix?: string;
  readonly expression?: string;
}

export interface ClaimMappings {
  readonly username?: ClaimMapping;
  readonly groups?: ClaimMapping;
  readonly uid?: Omit<ClaimMapping, "prefix">;
  readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[];
}

const prefixedClaim = record("PrefixedClaimOrExpression", { claim: text, prefix: text, expression: text });

export const AUTHENTICATION_KIND: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "AuthenticationConfiguration",
  fields: {
    jwt: listOf(
      record("JWTAuthenticator", {
        issuer: record("Issuer", {
          url: text,
          discoveryURL: text,
          certificateAuthority: text,
          audiences: listOf(text),
          audienceMatchPolicy: text,
          egressSelectorType: text,
        }),
        claimValidationRules: listOf(
          record("ClaimValidationRule", { claim: text, requiredValue: text, expression: text, message: text }),
        ),
        claimMappings: record("ClaimMappings", {
          username: prefixedClaim,
          groups: prefixedClaim,
          uid: record("ClaimOrExpression", { claim: text, expression: text }),
          extra: listOf(record("ExtraMapping", { key: text, valueExpression: text })),
        }),
        userValidationRules: listOf(record("UserValidationRule", { expression: text, message: text })),
      }),
    ),
    anonymous: record("AnonymousAuthConfig", {
      enabled: flag,
      conditions: listOf(record("AnonymousAuthCondition", { path: text })),
    }),
  },
};

/** Reads the text of a configuration; what it says is checked by `compileAuthentication`. */
export async function parseAuthenticationConfiguration(content: string): Promise<AuthenticationConfiguration> {
  return (await readConfiguration<AuthenticationConfiguration>(content, AUTHENTICATION_KIND)).configuration;
}
