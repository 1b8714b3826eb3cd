/**
 * The formats of names in the API, each as a check that returns what is wrong with a value (empty: nothing), in the
 * words of upstream's validation. See https://kubernetes.io/docs/concepts/overview/working-with-objects/names/.
 */

const LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_WITH_UNDERSCORE = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_WITH_UNDERSCORE = `${LABEL_WITH_UNDERSCORE}(\\.${LABEL_WITH_UNDERSCORE})*`;
const SERVICE_LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?";
const QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE = `(${QUALIFIED})?`;
const ENVIRONMENT = "[-._a-zA-Z][-._a-zA-Z0-9]*";
const CONFIG_KEY = "[-._a-zA-Z0-9]+";
const HEADER = "[-A-Za-z0-9]+";

const whole = (pattern: string) => new RegExp(`^(?:${pattern})$`);
const labelPattern = whole(LABEL);
const subdomainPattern = whole(SUBDOMAIN);
const serviceLabelPattern = whole(SERVICE_LABEL);
const qualifiedPattern = whole(QUALIFIED);
const labelValuePattern = whole(LABEL_VALUE);
const environmentPattern = whole(ENVIRONMENT);
const configKeyPattern = whole(CONFIG_KEY);
const headerPattern = whole(HEADER);

const QUALIFIED_RULE =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

const tooLong = (limit: number, unit = "characters") => `must be no more than ${limit} ${unit}`;
const byteLength = (value: string) => Buffer.byteLength(value);

/** `rule`, with examples and the regular expression, as upstream words a mismatch. */
export function patternMessage(rule: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${pattern}')`;
  return `${rule} (e.g. ${examples.map((example) => `'${example}', `).join(" or ")}regex used for validation is '${pattern}')`;
}

/** A DNS label of RFC 1123: namespaces, containers, pod host names. At most 63 characters. */
export function checkDnsLabel(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63));
  if (!labelPattern.test(value)) {
    errors.push(
      subdomainPattern.test(value)
        ? "must not contain dots"
        : patternMessage(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            LABEL,
            "my-name",
            "123-abc",
          ),
    );
  }
  return errors;
}

/** A DNS subdomain of RFC 1123: most object names. At most 253 characters. */
export function checkDnsSubdomain(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  if (!subdomainPattern.test(value)) {
    errors.push(
      patternMessage(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        SUBDOMAIN,
        "example.com",
      ),
    );
  }
  return errors;
}

/** A subdomain that may contain underscores, as pods' DNS search paths may. */
export function checkDnsSubdomainWithUnderscore(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  if (!whole(SUBDOMAIN_WITH_UNDERSCORE).test(value)) {
    errors.push(
      patternMessage(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        SUBDOMAIN_WITH_UNDERSCORE,
        "example.com",
      ),
    );
  }
  return errors;
}

/** `*.` and a subdomain, as hosts of an Ingress may be. */
export function checkWildcardSubdomain(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  const pattern = `\\*\\.${SUBDOMAIN}`;
  if (!whole(pattern).test(value)) {
    errors.push(
      patternMessage(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        pattern,
        "*.example.com",
      ),
    );
  }
  return errors;
}

/** A DNS label of RFC 1035: names of Services. At most 63 characters, beginning with a letter. */
export function checkServiceName(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63));
  if (!serviceLabelPattern.test(value)) {
    errors.push(
      patternMessage(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        SERVICE_LABEL,
        "my-name",
        "abc-123",
      ),
    );
  }
  return errors;
}

/** `name` or `prefix/name`: keys of labels and annotations, finalizers, condition types, resource names. */
export function checkQualifiedName(value: string): string[] {
  const errors: string[] = [];
  const parts = value.split("/");
  const name = parts.at(-1)!;
  if (parts.length > 2) {
    const rule = patternMessage(QUALIFIED_RULE, QUALIFIED, "MyName", "my.name", "123-abc");
    return [`a valid label key ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  if (parts.length === 2) {
    const prefix = parts[0]!;
    if (prefix === "") errors.push("prefix part must be non-empty");
    else
      errors.push(...checkDnsSubdomain(prefix).map((error) => `prefix part ${error}`.replace(/characters$/, "bytes")));
  }
  if (name === "") errors.push("name part must be non-empty");
  else if (byteLength(name) > 63) errors.push(`name part ${tooLong(63, "bytes")}`);
  if (!qualifiedPattern.test(name)) {
    errors.push(`name part ${patternMessage(QUALIFIED_RULE, QUALIFIED, "MyName", "my.name", "123-abc")}`);
  }
  return errors;
}

/** The value of a label; may be empty. At most 63 characters. */
export function checkLabelValue(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 63) errors.push(tooLong(63, "bytes"));
  if (!labelValuePattern.test(value)) {
    errors.push(
      patternMessage(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        LABEL_VALUE,
        "MyValue",
        "my_value",
        "12345",
      ),
    );
  }
  return errors;
}

/** The name of a port (an IANA service name): at most 15 characters, with a letter. */
export function checkPortName(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 15) errors.push(tooLong(15));
  if (!/^[-a-z0-9]+$/.test(value))
    errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (!/[a-z]/.test(value)) errors.push("must contain at least one letter (a-z)");
  if (value.includes("--")) errors.push("must not contain consecutive hyphens");
  if (value.startsWith("-") || value.endsWith("-")) errors.push("must not begin or end with a hyphen");
  return errors;
}

/** A port number. */
export function checkPortNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ["must be between 1 and 65535, inclusive"];
}

/** What must hold for any name that is a segment of a URL path: objects without a stricter rule (RBAC and others). */
export function checkPathSegment(value: string): string[] {
  if (value === "." || value === "..") return [`may not be '${value}'`];
  return ["/", "%"].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** As `checkPathSegment`, for a prefix that a suffix will be added to. */
export function checkPathSegmentPrefix(value: string): string[] {
  return ["/", "%"].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** The name of an environment variable by the strict rule. */
export function checkEnvironmentName(value: string): string[] {
  const errors: string[] = [];
  if (!environmentPattern.test(value)) {
    errors.push(
      patternMessage(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
        ENVIRONMENT,
        "my.env-name",
        "MY_ENV.NAME",
        "MyEnvName1",
      ),
    );
  }
  return [...errors, ...dotPrefix(value)];
}

/** The name of an environment variable by the rule that holds by default: printable ASCII but for "=". */
export function checkRelaxedEnvironmentName(value: string): string[] {
  if (value === "") return ["environment variable name must be non-empty"];
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A key of a ConfigMap's or a Secret's data. */
export function checkConfigKey(value: string): string[] {
  const errors: string[] = [];
  if (byteLength(value) > 253) errors.push(tooLong(253));
  if (!configKeyPattern.test(value)) {
    errors.push(
      patternMessage(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        CONFIG_KEY,
        "key.name",
        "KEY_NAME",
        "key-name",
      ),
    );
  }
  return [...errors, ...dotPrefix(value)];
}

/** The name of an HTTP header, as in a probe. */
export function checkHttpHeaderName(value: string): string[] {
  return headerPattern.test(value)
    ? []
    : [patternMessage("a valid HTTP header must consist of alphanumeric characters or '-'", HEADER, "X-Header-Name")];
}

function dotPrefix(value: string): string[] {
  if (value === ".") return ["must not be '.'"];
  if (value === "..") return ["must not be '..'"];
  return value.startsWith("..") ? ["must not start with '..'"] : [];
}
