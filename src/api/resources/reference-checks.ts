import { checkDnsLabel, checkDnsSubdomain, checkPathSegment, patternMessage } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { child, invalid, required, tooLong } from "./field-errors.ts";
import { addProblems } from "./value-checks.ts";

/** Checks of names that refer to something: kinds and objects elsewhere, domains, signers. */

/** A name that must be there, of any characters that fit into a path. */
export function validateReferenceName(name: string | undefined | null, path: string, errors: FieldError[]): void {
  if (!name) errors.push(required(path));
  else addProblems(checkPathSegment(name), path, name, errors);
}

/** The kind and the name of an object. */
export function validateObjectReference(
  reference: { kind?: string; name?: string } | undefined,
  path: string,
  errors: FieldError[],
): void {
  validateReferenceName(reference?.kind, child(path, "kind"), errors);
  validateReferenceName(reference?.name, child(path, "name"), errors);
}

/** The same with an API group, which may be absent. */
export function validateGroupReference(
  reference: { apiGroup?: string; kind?: string; name?: string },
  path: string,
  errors: FieldError[],
): void {
  if (reference.apiGroup != null) {
    addProblems(checkDnsSubdomain(reference.apiGroup), child(path, "apiGroup"), reference.apiGroup, errors);
  }
  validateObjectReference(reference, path, errors);
}

/** A name of at least three segments, as webhooks have. */
export function validateFullyQualifiedName(name: string, path: string, errors: FieldError[]): void {
  if (name === "") errors.push(required(path));
  else if (checkDnsSubdomain(name).length > 0) errors.push(invalid(path, name, checkDnsSubdomain(name).join(",")));
  else if (name.split(".").length < 3) {
    errors.push(invalid(path, name, "should be a domain with at least three segments separated by dots"));
  }
}

/** A domain of at least two labels; a dot may follow. */
export function validateFullyQualifiedDomain(text: string, path: string, errors: FieldError[]): void {
  if (text === "") {
    errors.push(required(path));
    return;
  }
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  const problems = checkDnsSubdomain(name);
  if (problems.length > 0) {
    errors.push(invalid(path, name, problems.join(",")));
    return;
  }
  const labels = name.split(".");
  if (labels.length < 2) {
    errors.push(invalid(path, name, "should be a domain with at least two segments separated by dots"));
    return;
  }
  const bad = labels.find((label) => checkDnsLabel(label).length > 0);
  if (bad !== undefined) errors.push(invalid(path, bad, checkDnsLabel(bad).join(",")));
}

const HTTP_PATH = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const httpPath = new RegExp(`^${HTTP_PATH}$`);

/** `domain/path`, as controllers are named. */
export function validateDomainPrefixedPath(text: string, path: string, errors: FieldError[]): void {
  if (text === "") {
    errors.push(required(path));
    return;
  }
  const slash = text.indexOf("/");
  if (slash <= 0 || slash === text.length - 1) {
    errors.push(invalid(path, text, 'must be a domain-prefixed path (such as "acme.io/foo")'));
    return;
  }
  const host = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  addProblems(checkDnsSubdomain(host), path, host, errors);
  if (!httpPath.test(rest)) errors.push(invalid(path, rest, patternMessage("Invalid path", HTTP_PATH)));
}

/** A domain and the name of a namespace and a resource in it, each as long as they can be. */
const SIGNER_LIMIT = 253 + 1 + 63 + 1 + 253;

/** `domain/path`, as signers of certificates are named. */
export function validateSignerName(name: string | undefined, path: string, errors: FieldError[]): void {
  if (!name) {
    errors.push(required(path, "signerName must be provided"));
    return;
  }
  const segments = name.split("/");
  if (segments.length !== 2) {
    errors.push(invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"));
    return;
  }
  const [domain, rest] = segments as [string, string];
  if (Buffer.byteLength(domain) > 253) errors.push(tooLong(path, 253));
  const labels = domain.split(".");
  addFirstLabel(labels, checkDnsLabel, domain, path, errors);
  if (labels.length < 2) {
    errors.push(invalid(path, domain, "should be a domain with at least two segments separated by dots"));
  }
  addFirstLabel(rest.split("."), checkDnsSubdomain, rest, path, errors);
  if (Buffer.byteLength(name) > SIGNER_LIMIT) errors.push(tooLong(path, SIGNER_LIMIT));
}

/** What is wrong with the first bad label; those after it would only repeat it. */
function addFirstLabel(
  labels: readonly string[],
  check: (label: string) => string[],
  value: string,
  path: string,
  errors: FieldError[],
): void {
  const bad = labels.find((label) => check(label).length > 0);
  if (bad === undefined) return;
  for (const problem of check(bad)) {
    errors.push(invalid(path, value, `validating label ${JSON.stringify(bad)}: ${problem}`));
  }
}
