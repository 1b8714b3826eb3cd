/** The claims of a ServiceAccount token, as upstream writes them. Times are in seconds since the epoch. */
export interface Claims {
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly iss: string;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly node?: ObjectClaim;
    readonly pod?: ObjectClaim;
    readonly secret?: ObjectClaim;
    readonly serviceaccount: ObjectClaim;
    /** From when on the use of the token is worth a warning, where its life was extended. */
    readonly warnafter?: number;
  };
  readonly nbf: number;
  readonly sub: string;
}

/** An object that a token is bound to. */
export interface ObjectClaim {
  readonly name: string;
  readonly uid: string;
}

/** The issuer in tokens of Secrets of type kubernetes.io/service-account-token. */
export const LEGACY_ISSUER = "kubernetes/serviceaccount";

/** The claims of such a token. It has no end: it is valid as long as its Secret holds it. */
export interface LegacyClaims {
  readonly iss: typeof LEGACY_ISSUER;
  readonly "kubernetes.io/serviceaccount/namespace": string;
  readonly "kubernetes.io/serviceaccount/secret.name": string;
  readonly "kubernetes.io/serviceaccount/service-account.name": string;
  readonly "kubernetes.io/serviceaccount/service-account.uid": string;
  readonly sub: string;
}
