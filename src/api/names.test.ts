import assert from "node:assert/strict";
import { test } from "node:test";
import * as names from "./names.ts";

const long = (length: number) => "a".repeat(length);

test("good names have no problem", () => {
  const good: [(value: string) => string[], string[]][] = [
    [names.checkDnsLabel, ["a", "0", "a-b", long(63)]],
    [names.checkDnsSubdomain, ["a", "a.b-c.0", long(253)]],
    [names.checkDnsSubdomainWithUnderscore, ["_sip._tcp.example.com"]],
    [names.checkWildcardSubdomain, ["*.example.com"]],
    [names.checkServiceName, ["a", "web-1"]],
    [names.checkQualifiedName, ["a", "A_b.c", "example.com/a", `${long(253)}/${long(63)}`]],
    [names.checkLabelValue, ["", "a", "A.b_c-9", long(63)]],
    [names.checkPortName, ["http", "8a", "a-b"]],
    [names.checkPathSegment, ["a:b", "...", "Ä"]],
    [names.checkEnvironmentName, ["a", "_A.b-c"]],
    [names.checkRelaxedEnvironmentName, ["1 a!"]],
    [names.checkConfigKey, ["a.b", ".a", "A_B"]],
    [names.checkHttpHeaderName, ["X-Token"]],
  ];
  for (const [check, values] of good) for (const value of values) assert.deepEqual(check(value), [], value);
});

test("bad names are refused in upstream's words", () => {
  const bad: [(value: string) => string[], string, string[]][] = [
    [
      names.checkDnsLabel,
      "A",
      [
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [names.checkDnsLabel, "a.b", ["must not contain dots"]],
    [names.checkDnsLabel, long(64), ["must be no more than 63 characters"]],
    [
      names.checkDnsSubdomain,
      "a_b",
      [
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      names.checkServiceName,
      "1a",
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [names.checkQualifiedName, `${long(64)}`, ["name part must be no more than 63 bytes"]],
    [
      names.checkQualifiedName,
      "/",
      [
        "prefix part must be non-empty",
        "name part must be non-empty",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [names.checkLabelValue, long(64), ["must be no more than 63 bytes"]],
    [names.checkPortName, "1", ["must contain at least one letter (a-z)"]],
    [names.checkPortName, "-a--b", ["must not contain consecutive hyphens", "must not begin or end with a hyphen"]],
    [names.checkPathSegment, "..", ["may not be '..'"]],
    [names.checkPathSegment, "a/b%", ["may not contain '/'", "may not contain '%'"]],
    [names.checkConfigKey, "..a", ["must not start with '..'"]],
    [names.checkRelaxedEnvironmentName, "", ["environment variable name must be non-empty"]],
  ];
  for (const [check, value, errors] of bad) assert.deepEqual(check(value), errors, value);
  assert.deepEqual(names.checkPortNumber(0), ["must be between 1 and 65535, inclusive"]);
});
