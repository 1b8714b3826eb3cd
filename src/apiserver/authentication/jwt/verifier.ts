import { type Clock, sleep } from "../../../base/clock.ts";
import { type ParsedToken, parseToken } from "../../../base/jwt.ts";
import type { Logger } from "../../../base/logger.ts";
import type { DocumentFetcher } from "./document.ts";
import { type IssuerKey, readKeySet, verifies } from "./signature.ts";

const WELL_KNOWN = "/.well-known/openid-configuration";
/** How long to wait before an issuer that could not be reached is asked again. */
const RETRY_MS = 10_000;
/** Keys that are newer than this are not fetched again for a token that none of them signed. */
const FRESH_MS = 1_000;
/** Tokens whose signature is remembered. A token is about 1 KB, so this is half a megabyte at most for each issuer. */
const REMEMBERED = 512;
/** How far the clocks of the issuer and this server may differ for `nbf`. */
const NOT_BEFORE_LEEWAY_MS = 5 * 60_000;

/** Verifies the tokens of one issuer. */
export interface TokenVerifier {
  /** The claims of a token that the issuer signed, for this cluster and this moment. Rejects with the reason otherwise. */
  verify(token: ParsedToken): Promise<Readonly<Record<string, unknown>>>;
  /** Why no token can be verified yet, if so. */
  problem(): Error | undefined;
}

export interface VerifierOptions {
  issuer: string;
  /** Where the issuer's metadata is, if not below the issuer's URL. */
  discoveryUrl?: string;
  audiences: readonly string[];
  algorithms: readonly string[];
  documents: DocumentFetcher;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  onKeysFetched?(succeeded: boolean): void;
}

/**
 * OpenID Connect: the issuer's metadata (fetched once, tried again until it is there) tells where its keys are. Keys are
 * fetched on the first token, and again for a token that none of the known ones signed.
 */
export function tokenVerifier(options: VerifierOptions): TokenVerifier {
  const { issuer, audiences, algorithms, documents, clock, logger, signal } = options;
  let keysUrl: string | undefined;
  let problem: Error | undefined = new Error(
    `oidc: authenticator for issuer ${JSON.stringify(issuer)} is not initialized`,
  );
  let keys: readonly IssuerKey[] = [];
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;
  /** By signed part and signature; true of the present keys. */
  const verified = new Set<string>();

  const discover = async () => {
    const text = await documents.get(options.discoveryUrl ?? issuer.replace(/\/$/, "") + WELL_KNOWN);
    let metadata: { issuer?: unknown; jwks_uri?: unknown };
    try {
      metadata = JSON.parse(text);
    } catch (error) {
      throw new Error(`oidc: failed to decode provider discovery object: ${(error as Error).message}`, {
        cause: error,
      });
    }
    if (metadata?.issuer !== issuer) {
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(metadata?.issuer ?? "")}`,
      );
    }
    if (typeof metadata.jwks_uri !== "string" || metadata.jwks_uri === "") {
      throw new Error("provider did not return JWKS URL");
    }
    keysUrl = metadata.jwks_uri;
    problem = undefined;
  };
  const initialize = async () => {
    for (;;) {
      try {
        return await discover();
      } catch (error) {
        if (signal.aborted) return;
        problem = error as Error;
        logger.warn("an OIDC issuer could not be asked, trying again", { issuer, error });
      }
      await sleep(clock, RETRY_MS, signal);
    }
  };
  initialize().catch(() => {}); // ends with the signal only

  const fetchKeys = async () => {
    try {
      keys = readKeySet(await documents.get(keysUrl!));
      fetchedAt = clock.monotonic();
      verified.clear();
      options.onKeysFetched?.(true);
    } catch (error) {
      options.onKeysFetched?.(false);
      throw new Error(`fetching keys ${(error as Error).message}`, { cause: error });
    } finally {
      fetching = undefined;
    }
  };
  const verifiesNow = (token: ParsedToken): boolean => {
    const id = `${token.signed}.${token.signature.toString("base64url")}`;
    if (verified.has(id)) return true;
    if (!verifies(token, keys, algorithms)) return false;
    if (verified.size >= REMEMBERED) verified.delete(verified.keys().next().value!);
    verified.add(id);
    return true;
  };
  const isSigned = async (token: ParsedToken): Promise<boolean> => {
    if (verifiesNow(token)) return true;
    if (clock.monotonic() - fetchedAt < FRESH_MS) return false;
    fetching ??= fetchKeys();
    await fetching;
    return verifiesNow(token);
  };

  return {
    problem: () => problem,
    async verify(token) {
      if (!keysUrl) throw new Error("oidc: authenticator not initialized");
      const { claims, header } = token;
      const quoted = (values: readonly unknown[]) => `[${values.map((value) => JSON.stringify(value)).join(" ")}]`;
      if (claimedIssuer(claims) !== issuer) {
        throw new Error(
          `oidc: id token issued by a different provider, expected ${JSON.stringify(issuer)} got ${JSON.stringify(claims.iss)}`,
        );
      }
      const meant = [claims.aud ?? []].flat();
      if (!meant.some((audience) => audiences.includes(audience as string))) {
        throw new Error(`oidc: expected audience in ${quoted(audiences)} got ${quoted(meant)}`);
      }
      const now = clock.now();
      const seconds = (value: unknown) => (typeof value === "number" ? value * 1000 : 0);
      if (now > seconds(claims.exp)) {
        throw new Error(`oidc: token is expired (Token Expiry: ${new Date(seconds(claims.exp)).toISOString()})`);
      }
      if (typeof claims.nbf === "number" && now + NOT_BEFORE_LEEWAY_MS < seconds(claims.nbf)) {
        throw new Error(
          `oidc: current time ${new Date(now).toISOString()} before the nbf (not before) time: ${new Date(seconds(claims.nbf)).toISOString()}`,
        );
      }
      if (!algorithms.includes(header.alg as string)) {
        throw new Error(
          `oidc: malformed jwt: unexpected signature algorithm ${JSON.stringify(header.alg)}; expected ${quoted(algorithms)}`,
        );
      }
      if (!(await isSigned(token))) throw new Error("failed to verify signature: failed to verify id token signature");
      return claims;
    },
  };
}

/** The `iss` of a token, in whose name nothing is vouched for yet. Google's has two spellings. */
export function claimedIssuer({ iss }: Readonly<Record<string, unknown>>): string | undefined {
  if (iss === "accounts.google.com") return "https://accounts.google.com";
  return typeof iss === "string" ? iss : undefined;
}

/** As `parseToken`, but throws where the text is no token. */
export function parseIssuedToken(token: string): ParsedToken {
  const parsed = parseToken(token);
  if (!parsed) throw new Error("malformed token");
  return parsed;
}
