import { checkDnsSubdomain, checkPortNumber, checkServiceName } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { at, child, invalid, required } from "./field-errors.ts";
import { addProblems } from "./value-checks.ts";

interface ClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly name?: string;
    readonly namespace?: string;
    readonly path?: string;
    readonly port?: number;
  };
}

/** Where a webhook is reached: at a URL, or through a service. */
export function validateClientConfig(config: ClientConfig | undefined, path: string, errors: FieldError[]): void {
  const { url, service } = config ?? {};
  if ((url == null) === (service == null)) errors.push(required(path, "exactly one of url or service is required"));
  else if (url != null) validateUrl(url, child(path, "url"), errors);
  else validateService(service!, child(path, "service"), errors);
}

const FORM = "; desired format: https://host[/path]";

function validateUrl(text: string, path: string, errors: FieldError[]): void {
  // Read by hand where the parser of the web would repair it: it lowers, trims and completes what it gets.
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? "";
  const authority = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(text)?.[1] ?? "";
  if (scheme !== "https") {
    errors.push(invalid(path, scheme, `'https' is the only allowed URL scheme${FORM}`));
  }
  const userEnd = authority.lastIndexOf("@");
  if (authority.slice(userEnd + 1) === "") errors.push(invalid(path, "", `host must be specified${FORM}`));
  else if (!URL.canParse(text)) {
    errors.push(required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URL${FORM}`));
    return;
  }
  if (userEnd >= 0) {
    errors.push(invalid(path, authority.slice(0, userEnd), "user information is not permitted in the URL"));
  }
  const [, query, fragment] = /^[^?#]*(?:\?([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  if (fragment) errors.push(invalid(path, fragment, "fragments are not permitted in the URL"));
  if (query) errors.push(invalid(path, query, "query parameters are not permitted in the URL"));
}

function validateService(service: NonNullable<ClientConfig["service"]>, path: string, errors: FieldError[]): void {
  const { name, namespace, port = 0, path: text } = service;
  if (!name) errors.push(required(child(path, "name")));
  if (!namespace) errors.push(required(child(path, "namespace")));
  const problems = checkPortNumber(port);
  if (problems.length > 0) errors.push(invalid(child(path, "port"), port, `port is not valid: ${problems.join(", ")}`));
  if (!text || text === "/") return;
  const field = child(path, "path");
  if (text === "//") {
    errors.push(invalid(field, text, "segment[0] may not be empty"));
    return;
  }
  if (!text.startsWith("/")) errors.push(invalid(field, text, "must start with a '/'"));
  const rest = text.slice(1).replace(/\/$/, "");
  for (const [index, segment] of rest.split("/").entries()) {
    if (segment === "") errors.push(invalid(field, text, `segment[${index}] may not be empty`));
    else
      for (const problem of checkDnsSubdomain(segment))
        errors.push(invalid(field, text, `segment[${index}]: ${problem}`));
  }
}

/** The versions of a review that both sides can speak: each once, one of them known here. */
export function validateReviewVersions(
  versions: readonly string[] | undefined,
  missing: string,
  path: string,
  errors: FieldError[],
): void {
  if (!versions?.length) {
    errors.push(required(path, missing));
    return;
  }
  for (const [index, version] of versions.entries()) {
    if (versions.indexOf(version) < index) errors.push(invalid(at(path, index), version, "duplicate version"));
    else addProblems(checkServiceName(version), at(path, index), version, errors);
  }
  if (!versions.includes("v1") && !versions.includes("v1beta1")) {
    errors.push(invalid(path, versions, `must include at least one of ${REVIEW_VERSIONS}`));
  }
}

export const REVIEW_VERSIONS = "v1, v1beta1";
