import { checkDnsSubdomain } from "../../../api/names.ts";
import type { FieldError } from "../../../api/resource-definition.ts";
import { at, child, duplicate, invalid, required } from "../../../api/resources/field-errors.ts";
import { certificatesFromPem } from "../../../base/x509.ts";
import type {
  AuthenticationConfiguration,
  ClaimMapping,
  IssuerConfiguration,
  JwtAuthenticatorConfiguration,
} from "./configuration.ts";

const MAX_ISSUERS = 64;

/** What is wrong with a configuration apart from its expressions, in upstream's words. `own`: the server's own issuers. */
export function validateAuthentication(
  { jwt = [], anonymous }: AuthenticationConfiguration,
  own: readonly string[],
): FieldError[] {
  if (jwt.length > MAX_ISSUERS) {
    const message = `Too many: ${jwt.length}: must have at most ${MAX_ISSUERS} items`;
    return [{ type: "FieldValueTooMany", field: "jwt", message }];
  }
  const found: FieldError[] = [];
  const urls = new Set<string>();
  const discoveries = new Set<string>();
  jwt.forEach((one, index) => {
    const path = at("jwt", index);
    found.push(...validateAuthenticator(one, path, own));
    const { url = "", discoveryURL } = one.issuer ?? {};
    if (urls.has(url)) found.push(duplicate(child(path, "issuer", "url"), url));
    urls.add(url);
    if (!discoveryURL) return;
    if (discoveries.has(discoveryURL)) found.push(duplicate(child(path, "issuer", "discoveryURL"), discoveryURL));
    discoveries.add(discoveryURL);
  });
  if (anonymous && !anonymous.enabled && anonymous.conditions?.length) {
    const rule = "enabled should be set to true when conditions are defined";
    found.push(invalid("anonymous.conditions", anonymous.conditions, rule));
  }
  return found;
}

function validateAuthenticator(
  {
    issuer = {},
    claimValidationRules = [],
    claimMappings = {},
    userValidationRules = [],
  }: JwtAuthenticatorConfiguration,
  path: string,
  own: readonly string[],
): FieldError[] {
  const found = validateIssuer(issuer, child(path, "issuer"), own);
  const claims = new Set<string>();
  const expressions = new Set<string>();
  claimValidationRules.forEach(({ claim, expression, message, requiredValue }, index) => {
    const rule = at(child(path, "claimValidationRules"), index);
    if (claim && expression) found.push(invalid(rule, claim, "claim and expression can't both be set"));
    else if (claim) {
      if (message) found.push(invalid(child(rule, "message"), message, "may not be specified when claim is set"));
      if (claims.has(claim)) found.push(duplicate(child(rule, "claim"), claim));
      claims.add(claim);
    } else if (expression) {
      if (requiredValue) {
        const reason = "may not be specified when expression is set";
        found.push(invalid(child(rule, "requiredValue"), requiredValue, reason));
      }
      if (expressions.has(expression)) found.push(duplicate(child(rule, "expression"), expression));
      expressions.add(expression);
    } else found.push(required(rule, "claim or expression is required"));
  });
  const mappings = child(path, "claimMappings");
  found.push(...validateMapping(claimMappings.username ?? {}, child(mappings, "username"), true));
  found.push(...validateMapping(claimMappings.groups ?? {}, child(mappings, "groups"), false));
  const { uid } = claimMappings;
  if (uid?.claim && uid.expression) {
    found.push(invalid(child(mappings, "uid"), "", "claim and expression can't both be set"));
  }
  const keys = new Set<string>();
  claimMappings.extra?.forEach(({ key = "", valueExpression }, index) => {
    const extra = at(child(mappings, "extra"), index);
    found.push(...validateExtraKey(key, child(extra, "key")));
    if (keys.has(key)) found.push(duplicate(child(extra, "key"), key));
    keys.add(key);
    if (!valueExpression) found.push(required(child(extra, "valueExpression")));
  });
  const rules = new Set<string>();
  userValidationRules.forEach(({ expression }, index) => {
    const rule = child(at(child(path, "userValidationRules"), index), "expression");
    if (!expression) found.push(required(rule));
    else if (rules.has(expression)) found.push(duplicate(rule, expression));
    else rules.add(expression);
  });
  if (usesUnverifiedEmail(claimMappings, claimValidationRules)) {
    const rule =
      "claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression";
    found.push(invalid(child(mappings, "username", "expression"), claimMappings.username?.expression, rule));
  }
  return found;
}

function validateIssuer(issuer: IssuerConfiguration, path: string, own: readonly string[]): FieldError[] {
  const found: FieldError[] = [];
  const { url = "", discoveryURL = "", audiences = [], audienceMatchPolicy = "" } = issuer;
  if (url === "") found.push(required(child(path, "url")));
  else found.push(...validateUrl(url, child(path, "url"), own));
  if (discoveryURL !== "") {
    const trimmed = (text: string) => text.replace(/\/+$/, "");
    if (url !== "" && trimmed(url) === trimmed(discoveryURL)) {
      found.push(invalid(child(path, "discoveryURL"), discoveryURL, "discoveryURL must be different from URL"));
    }
    found.push(...validateUrl(discoveryURL, child(path, "discoveryURL"), []));
  }
  const where = child(path, "audiences");
  if (audiences.length === 0) found.push(required(where, `at least one ${where} is required`));
  audiences.forEach((audience, index) => {
    if (audience === "") found.push(required(at(where, index)));
    if (audiences.indexOf(audience) !== index) found.push(duplicate(at(where, index), audience));
  });
  const policy = child(path, "audienceMatchPolicy");
  if (audiences.length > 1 && audienceMatchPolicy !== "MatchAny") {
    found.push(invalid(policy, audienceMatchPolicy, "audienceMatchPolicy must be MatchAny for multiple audiences"));
  }
  if (audiences.length === 1 && audienceMatchPolicy !== "" && audienceMatchPolicy !== "MatchAny") {
    const rule = "audienceMatchPolicy must be empty or MatchAny for single audience";
    found.push(invalid(policy, audienceMatchPolicy, rule));
  }
  const authority = issuer.certificateAuthority;
  if (authority && certificatesFromPem(authority).length === 0) {
    const rule = "data does not contain any valid RSA or ECDSA certificates";
    found.push(invalid(child(path, "certificateAuthority"), "<omitted>", rule));
  }
  if (issuer.egressSelectorType) {
    // The server has one network to go out by.
    const rule = "egress selectors are not supported";
    found.push(invalid(child(path, "egressSelectorType"), issuer.egressSelectorType, rule));
  }
  return found;
}

function validateUrl(url: string, path: string, own: readonly string[]): FieldError[] {
  const found: FieldError[] = [];
  const refuse = (rule: string) => found.push(invalid(path, url, rule));
  if (own.includes(url)) refuse(`URL must not overlap with disallowed issuers: [${[...own].sort().join(" ")}]`);
  const parsed = URL.parse(url);
  if (!parsed) {
    refuse(/^https:/.test(url) ? "URL is malformed" : "URL scheme must be https");
    return found;
  }
  if (parsed.protocol !== "https:") refuse("URL scheme must be https");
  if (parsed.username || parsed.password) refuse("URL must not contain a username or password");
  if (parsed.search) refuse("URL must not contain a query");
  if (parsed.hash) refuse("URL must not contain a fragment");
  return found;
}

function validateMapping({ claim, prefix, expression }: ClaimMapping, path: string, needed: boolean): FieldError[] {
  if (claim && expression) return [invalid(path, "", "claim and expression can't both be set")];
  if (!claim && !expression) return needed ? [required(path, "claim or expression is required")] : [];
  if (expression) {
    if (prefix === undefined) return [];
    return [invalid(child(path, "prefix"), prefix, "may not be specified when expression is set")];
  }
  if (prefix !== undefined) return [];
  const rule = "prefix is required when claim is set. It can be set to an empty string to disable prefixing";
  return [required(child(path, "prefix"), rule)];
}

function validateExtraKey(key: string, path: string): FieldError[] {
  const found: FieldError[] = [];
  if (key === "") return [required(path)];
  const slash = key.indexOf("/");
  const [domain, rest] = slash < 0 ? ["", ""] : [key.slice(0, slash), key.slice(slash + 1)];
  if (!domain || !rest) {
    found.push(invalid(path, key, 'must be a domain-prefixed path (such as "acme.io/foo")'));
  } else {
    for (const problem of checkDnsSubdomain(domain)) found.push(invalid(path, domain, problem));
    if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(rest)) {
      found.push(invalid(path, rest, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')"));
    }
  }
  if (key !== key.toLowerCase()) found.push(invalid(path, key, "must be lowercase"));
  if (/(^|\.)(kubernetes\.io|k8s\.io)$/.test(domain!)) {
    const rule = "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use";
    found.push(invalid(path, key, rule));
  }
  return found;
}

/** Text in quotes says nothing about the claims that are read. */
const withoutTexts = (expression = "") => expression.replaceAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, '""');
const reads = (claim: string) => {
  const pattern = new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${claim}\\b`);
  return (expression: string | undefined) => pattern.test(withoutTexts(expression));
};
const readsEmail = reads("email");
const readsVerified = reads("email_verified");

/** A name taken from an address that nobody verified could be anybody's. */
function usesUnverifiedEmail(
  { username, extra = [] }: NonNullable<JwtAuthenticatorConfiguration["claimMappings"]>,
  rules: NonNullable<JwtAuthenticatorConfiguration["claimValidationRules"]>,
): boolean {
  if (!readsEmail(username?.expression)) return false;
  return ![
    username?.expression,
    ...extra.map(({ valueExpression }) => valueExpression),
    ...rules.map(({ expression }) => expression),
  ].some(readsVerified);
}
