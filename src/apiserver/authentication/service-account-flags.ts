const HOUR_MS = 3_600_000;
const MAX_EXPIRATION_MS = 2 ** 32 * 1000;

/** Refuses flags of ServiceAccount tokens that upstream refuses, in its words. */
export function checkServiceAccountFlags(flags: {
  readonly "service-account-issuer": readonly string[];
  readonly "service-account-jwks-uri"?: string;
  readonly "service-account-max-token-expiration"?: number;
}): void {
  const seen = new Set<string>();
  for (const issuer of flags["service-account-issuer"]) {
    const quoted = JSON.stringify(issuer);
    if (issuer === "") throw new Error("service-account-issuer should not be an empty string");
    if (issuer.includes(":") && !URL.canParse(issuer)) {
      throw new Error(`service-account-issuer ${quoted} contained a ':' but was not a valid URL`);
    }
    if (seen.has(issuer)) throw new Error(`service-account-issuer ${quoted} is already specified`);
    seen.add(issuer);
  }
  const jwksUri = flags["service-account-jwks-uri"];
  if (jwksUri) {
    const parsed = URL.parse(jwksUri);
    if (!parsed) throw new Error(`service-account-jwks-uri must be a valid URL: ${jwksUri}`);
    if (parsed.protocol !== "https:") {
      throw new Error(`service-account-jwks-uri requires https scheme, parsed as: ${jwksUri}`);
    }
  }
  const longest = flags["service-account-max-token-expiration"];
  if (longest && (longest < HOUR_MS || longest > MAX_EXPIRATION_MS)) {
    throw new Error("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds");
  }
}
