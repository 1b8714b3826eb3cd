import type { Claims, ObjectClaim } from "../../api/service-account-claims.ts";
import { serviceAccountUserName } from "../../api/service-account-user.ts";
import type { Clock } from "../../base/clock.ts";
import { type SigningKey, signToken } from "../../base/jwt.ts";
import type { Random } from "../../base/random.ts";

/** Signs ServiceAccount tokens. */
export interface TokenIssuer {
  issue(request: IssueRequest): string;
}

export interface IssueRequest {
  namespace: string;
  serviceAccount: ObjectClaim;
  audiences: readonly string[];
  /** Seconds the token is valid, and after which its use is to be warned of. */
  expirationSeconds: number;
  warnAfterSeconds?: number;
  /** What the token is bound to; with a pod the node it runs on, for information. */
  pod?: ObjectClaim;
  node?: ObjectClaim;
  secret?: ObjectClaim;
}

export function tokenIssuer(options: { issuer: string; key: SigningKey; clock: Clock; random: Random }): TokenIssuer {
  return {
    issue(request) {
      const now = Math.floor(options.clock.now() / 1000);
      const { namespace, serviceAccount, node, pod, secret, warnAfterSeconds } = request;
      const claims: Claims = {
        aud: request.audiences,
        exp: now + request.expirationSeconds,
        iat: now,
        iss: options.issuer,
        jti: options.random.uuid(),
        "kubernetes.io": {
          namespace,
          ...(node ? { node } : {}),
          ...(pod ? { pod } : {}),
          ...(secret ? { secret } : {}),
          serviceaccount: serviceAccount,
          ...(warnAfterSeconds ? { warnafter: now + warnAfterSeconds } : {}),
        },
        nbf: now,
        sub: serviceAccountUserName(namespace, serviceAccount.name),
      };
      return signToken(claims, options.key);
    },
  };
}
