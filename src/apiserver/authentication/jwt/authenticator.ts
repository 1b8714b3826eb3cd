import type { FieldError } from "../../../api/resource-definition.ts";
import { at } from "../../../api/resources/field-errors.ts";
import type { Clock } from "../../../base/clock.ts";
import { parseToken } from "../../../base/jwt.ts";
import type { Logger } from "../../../base/logger.ts";
import type { Network } from "../../../base/network.ts";
import { problemsError } from "../../configuration/shape.ts";
import type { TokenAuthenticator, TokenUser } from "../bearer.ts";
import { type ClaimMapper, claimMapper } from "./claim-mapping.ts";
import type { AuthenticationConfiguration, JwtAuthenticatorConfiguration } from "./configuration.ts";
import { distributedClaims } from "./distributed-claims.ts";
import { documentFetcher } from "./document.ts";
import type { JwtMetrics } from "./metrics.ts";
import { SIGNING_ALGORITHMS } from "./signature.ts";
import { validateAuthentication } from "./validation.ts";
import { claimedIssuer, tokenVerifier } from "./verifier.ts";

export interface JwtServices {
  network: Pick<Network, "https">;
  clock: Clock;
  logger: Logger;
  metrics?: JwtMetrics;
  /** The server's own issuers, whose tokens are ServiceAccounts'. */
  ownIssuers: readonly string[];
  /** Which signatures are taken; default: all that are asymmetric. */
  algorithms?: readonly string[];
}

/** The issuers of one configuration. */
export interface JwtAuthenticators {
  readonly authenticator: TokenAuthenticator;
  /** Why the tokens of one of the issuers can't be verified yet, if so. */
  problem(): Error | undefined;
  stop(): void;
}

/** Checks a configuration and makes its authenticators. Rejects with all that is wrong, in upstream's words. */
export async function jwtAuthenticators(
  configuration: AuthenticationConfiguration,
  services: JwtServices,
): Promise<JwtAuthenticators> {
  const problems: FieldError[] = validateAuthentication(configuration, services.ownIssuers);
  const mappers: ClaimMapper[] = [];
  for (const [index, one] of (configuration.jwt ?? []).entries()) {
    mappers.push(await claimMapper(one, at("jwt", index), problems));
  }
  const error = problemsError(problems);
  if (error) throw error;
  const ending = new AbortController();
  const issuers = (configuration.jwt ?? []).map((one, index) =>
    issuerAuthenticator(one, mappers[index]!, services, ending.signal),
  );
  return {
    authenticator: {
      async authenticateToken(token, audiences): Promise<TokenUser | undefined> {
        // Whose token it is can be read from it; nobody else's keys have to be tried.
        const parsed = issuers.length > 0 ? parseToken(token) : undefined;
        if (!parsed) return undefined;
        const issuer = claimedIssuer(parsed.claims);
        const found = issuers.find(({ url }) => url === issuer);
        return found?.authenticate(parsed, audiences);
      },
    },
    problem: () => {
      for (const { problem } of issuers) if (problem()) return problem();
      return undefined;
    },
    stop: () => ending.abort(new Error("stopped")),
  };
}

type Parsed = NonNullable<ReturnType<typeof parseToken>>;

function issuerAuthenticator(
  { issuer = {}, claimMappings }: JwtAuthenticatorConfiguration,
  mapper: ClaimMapper,
  services: JwtServices,
  signal: AbortSignal,
) {
  const { network, clock, logger, metrics, algorithms = SIGNING_ALGORITHMS } = services;
  const { url = "", discoveryURL, audiences = [], certificateAuthority } = issuer;
  const ca = certificateAuthority ? { ca: certificateAuthority } : {};
  const documents = documentFetcher({ network, clock, signal, ...ca });
  const verifierOf = (of: string, discoveryUrl?: string) =>
    tokenVerifier({
      issuer: of,
      ...(discoveryUrl ? { discoveryUrl } : {}),
      audiences,
      algorithms,
      documents,
      clock,
      logger,
      signal,
      onKeysFetched: (succeeded) => metrics?.keysFetched(of, succeeded),
    });
  const verifier = verifierOf(url, discoveryURL);
  const groupsClaim = claimMappings?.groups?.claim;
  const complete = groupsClaim
    ? distributedClaims({ claim: groupsClaim, documents, verifierFor: (of) => verifierOf(of) })
    : async (claims: Readonly<Record<string, unknown>>) => claims;
  return {
    url,
    problem: (): Error | undefined => {
      const cause = verifier.problem();
      if (!cause) return undefined;
      return new Error(`oidc: authenticator for issuer ${JSON.stringify(url)} is not healthy: ${cause.message}`, {
        cause,
      });
    },
    /** Audiences of the API are those that the token was presented to: the issuer's are others. */
    async authenticate(token: Parsed, presentedTo: readonly string[]): Promise<TokenUser> {
      const started = clock.monotonic();
      const took = () => (clock.monotonic() - started) / 1000;
      try {
        const verified = await verifier.verify(token).catch((error: Error) => {
          throw verifier.problem() ? error : new Error(`oidc: verify token: ${error.message}`, { cause: error });
        });
        const user = mapper(await complete(verified));
        metrics?.authenticated(url, true, took());
        return { user, audiences: presentedTo };
      } catch (error) {
        metrics?.authenticated(url, false, took());
        throw error;
      }
    },
  };
}
