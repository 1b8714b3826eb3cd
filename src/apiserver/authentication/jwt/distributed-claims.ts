import type { DocumentFetcher } from "./document.ts";
import { claimedIssuer, parseIssuedToken, type TokenVerifier } from "./verifier.ts";

type Claims = Readonly<Record<string, unknown>>;

/** Issuers whose distributed claims are remembered. */
const MAX_ISSUERS = 64;

/**
 * Fetches one claim (the groups) that a token only refers to: OpenID Connect Core 1.0, section 5.6.2. What the endpoint
 * gives is a token itself, verified by the keys of its own issuer.
 */
export function distributedClaims(options: {
  claim: string;
  documents: DocumentFetcher;
  verifierFor(issuer: string): TokenVerifier;
}): (claims: Claims) => Promise<Claims> {
  const { claim, documents } = options;
  const verifiers = new Map<string, TokenVerifier>();
  const verifierOf = (issuer: string): TokenVerifier => {
    let verifier = verifiers.get(issuer);
    if (!verifier) {
      if (verifiers.size >= MAX_ISSUERS) throw new Error("too many issuers of distributed claims");
      verifier = options.verifierFor(issuer);
      verifiers.set(issuer, verifier);
    }
    if (verifier.problem()) throw new Error(`verifier not initialized for issuer: ${JSON.stringify(issuer)}`);
    return verifier;
  };
  return async (claims) => {
    const source = sourceOf(claims, claim);
    if (!source) return claims;
    try {
      const token = parseIssuedToken(await documents.get(source.endpoint, { token: source.accessToken }));
      const found = await verifierOf(claimedIssuer(token.claims) ?? "").verify(token);
      if (!(claim in found)) {
        throw new Error(
          `jwt returned by distributed claim endpoint ${JSON.stringify(source.endpoint)} did not contain claim: ${claim}`,
        );
      }
      return { ...claims, [claim]: found[claim] };
    } catch (error) {
      throw new Error(`oidc: could not expand distributed claims: ${(error as Error).message}`, { cause: error });
    }
  };
}

function sourceOf(claims: Claims, claim: string): { endpoint: string; accessToken?: string } | undefined {
  if (claim in claims) return undefined;
  const names = claims["_claim_names"] as Record<string, unknown> | undefined;
  const name = typeof names === "object" && names !== null ? names[claim] : undefined;
  if (typeof name !== "string") return undefined;
  const sources = claims["_claim_sources"] as Record<string, unknown> | undefined;
  if (typeof sources !== "object" || sources === null) throw new Error("oidc: no claim sources");
  if (!Object.hasOwn(sources, name)) {
    throw new Error(`id token _claim_names contained a source ${name} missing in _claims_sources`);
  }
  const { endpoint, access_token } = (sources[name] ?? {}) as { endpoint?: unknown; access_token?: unknown };
  // Without an endpoint the claim may be an aggregated one, which upstream doesn't take either.
  if (typeof endpoint !== "string" || endpoint === "") return undefined;
  return { endpoint, ...(typeof access_token === "string" ? { accessToken: access_token } : {}) };
}
