import type { TokenKey } from "../../base/jwt.ts";

/** A document that is served as it is. */
export interface StaticDocument {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface DiscoveryOptions {
  /** The issuer of ServiceAccount tokens: an https URL without query and fragment. */
  issuer: string;
  /** Where the keys are, as an https URL; default: this server at `externalAddress` (host and port). */
  jwksUri?: string;
  externalAddress: string;
  keys: readonly TokenKey[];
}

/**
 * What lets others verify ServiceAccount tokens (OpenID Connect discovery): the issuer's metadata and its keys. Throws
 * where the URLs are not as OpenID wants them; upstream then serves neither document.
 */
export function issuerDocuments(options: DiscoveryOptions): StaticDocument[] {
  const jwksUri = options.jwksUri ?? `https://${options.externalAddress}/openid/v1/jwks`;
  const issuer = URL.parse(options.issuer);
  if (issuer?.protocol !== "https:" || issuer.search !== "" || issuer.hash !== "") {
    throw new Error(`the issuer must be an https URL without query and fragment, got: ${options.issuer}`);
  }
  if (URL.parse(jwksUri)?.protocol !== "https:") throw new Error(`the JWKS URI must be an https URL, got: ${jwksUri}`);
  const configuration = {
    issuer: options.issuer,
    jwks_uri: jwksUri,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [...new Set(options.keys.map((key) => key.algorithm))].sort(),
  };
  const jwks = {
    keys: options.keys.map((key) => {
      const { kty, crv, x, y, n, e } = key.publicKey.export({ format: "jwk" });
      return {
        use: "sig",
        kty,
        kid: key.id,
        ...(crv ? { crv } : {}),
        alg: key.algorithm,
        ...(n ? { n, e } : { x, y }),
      };
    }),
  };
  const document = (path: string, type: string, content: object): StaticDocument => ({
    path,
    headers: { "content-type": type, "cache-control": "public, max-age=3600" },
    body: Buffer.from(JSON.stringify(content)),
  });
  return [
    document("/.well-known/openid-configuration", "application/json", configuration),
    document("/openid/v1/jwks", "application/jwk-set+json", jwks),
  ];
}
