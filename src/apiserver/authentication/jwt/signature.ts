import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { ParsedToken } from "../../../base/jwt.ts";

/** The algorithms of RFC 7518 that upstream accepts of an OIDC issuer: asymmetric ones only. */
const ALGORITHMS: Readonly<Record<string, { type: "rsa" | "ec"; digest: string; pss?: true; curve?: string }>> = {
  RS256: { type: "rsa", digest: "sha256" },
  RS384: { type: "rsa", digest: "sha384" },
  RS512: { type: "rsa", digest: "sha512" },
  PS256: { type: "rsa", digest: "sha256", pss: true },
  PS384: { type: "rsa", digest: "sha384", pss: true },
  PS512: { type: "rsa", digest: "sha512", pss: true },
  ES256: { type: "ec", digest: "sha256", curve: "prime256v1" },
  ES384: { type: "ec", digest: "sha384", curve: "secp384r1" },
  ES512: { type: "ec", digest: "sha512", curve: "secp521r1" },
};
export const SIGNING_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS);

/** A key of an issuer's key set. */
export interface IssuerKey {
  readonly id: string | undefined;
  readonly key: KeyObject;
}

/** The keys of a JWK set that can verify signatures; others (for encryption, of unknown types) are passed over. */
export function readKeySet(text: string): IssuerKey[] {
  const parsed: unknown = JSON.parse(text);
  const { keys } = (parsed ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error("the key set has no keys");
  return keys.flatMap((jwk: { kid?: unknown; use?: unknown; kty?: unknown }) => {
    if (jwk.use !== undefined && jwk.use !== "sig") return [];
    if (jwk.kty !== "RSA" && jwk.kty !== "EC") return [];
    try {
      const key = createPublicKey({ key: jwk as never, format: "jwk" });
      return [{ id: typeof jwk.kid === "string" ? jwk.kid : undefined, key }];
    } catch {
      return []; // one bad key must not hide the others
    }
  });
}

/** Whether one of `keys` has signed the token by its algorithm, which must be one of `algorithms`. */
export function verifies(token: ParsedToken, keys: readonly IssuerKey[], algorithms: readonly string[]): boolean {
  const { alg, kid } = token.header;
  if (typeof alg !== "string" || !algorithms.includes(alg)) return false;
  const algorithm = Object.hasOwn(ALGORITHMS, alg) ? ALGORITHMS[alg] : undefined;
  if (!algorithm) return false;
  return keys.some(({ id, key }) => {
    if (kid !== undefined && kid !== "" && id !== kid) return false;
    if (key.asymmetricKeyType !== algorithm.type) return false;
    if (algorithm.curve && key.asymmetricKeyDetails?.namedCurve !== algorithm.curve) return false;
    const how =
      algorithm.type === "ec"
        ? { key, dsaEncoding: "ieee-p1363" as const }
        : algorithm.pss
          ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
          : { key, padding: constants.RSA_PKCS1_PADDING };
    return verify(algorithm.digest, Buffer.from(token.signed), how, token.signature);
  });
}
