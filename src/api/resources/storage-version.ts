import { checkDnsLabel, checkDnsSubdomain } from "../names.ts";
import type { FieldError } from "../resource-definition.ts";
import { storageVersions } from "../resource-types.ts";
import type {
  ServerStorageVersion,
  StorageVersion,
  StorageVersionCondition,
  StorageVersionStatus,
} from "../types/apiserverinternal.v1alpha1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { at, child, duplicate, invalid, required } from "./field-errors.ts";
import { validateQualifiedName } from "./value-checks.ts";

const SHOWN_SERVERS = 3;

/** In which version each API server stores a resource (KEP-2339). */
export const storageVersion = define<StorageVersion>({
  type: storageVersions,
  singular: "storageversion",
  hasStatus: true,
  generation: false,
  nameFormat: "path-segment",
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    column("CommonEncodingVersion", "Version that all servers agree on.", ({ status }) => {
      return status?.commonEncodingVersion ?? "<unset>";
    }),
    column("StorageVersions", "Version of each server.", ({ status }) => {
      const servers = status?.storageVersions ?? [];
      const shown = servers.slice(0, SHOWN_SERVERS).map((one) => `${one.apiServerID}=${one.encodingVersion}`);
      return listWithMore(shown, servers.length, SHOWN_SERVERS);
    }),
    ageColumn,
  ],
  defaults(version) {
    version.spec ??= {};
    version.status ??= {};
  },
  prepareForCreate(version) {
    version.status = {};
  },
  validateCreate({ metadata }) {
    const name = metadata?.name ?? "";
    return nameProblems(name).map((problem) => invalid("metadata.name", name, problem));
  },
  validateStatusUpdate: ({ status }) => validateStatus(status ?? {}),
});

function nameProblems(name: string): string[] {
  const dot = name.lastIndexOf(".");
  if (dot < 0) return ["name must be in the form of <group>.<resource>"];
  return [
    ...checkDnsSubdomain(name.slice(0, dot)).map((problem) => `the group segment ${problem}`),
    ...checkDnsLabel(name.slice(dot + 1)).map((problem) => `the resource segment ${problem}`),
  ];
}

function validateStatus({ storageVersions = [], commonEncodingVersion, conditions }: StorageVersionStatus) {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, server] of storageVersions.entries()) {
    const path = at("status.storageVersions", index);
    if (seen.has(server.apiServerID)) errors.push(duplicate(child(path, "apiServerID"), server.apiServerID));
    seen.add(server.apiServerID);
    validateServer(server, path, errors);
  }
  const first = storageVersions[0]?.encodingVersion;
  const common = storageVersions.every(({ encodingVersion }) => encodingVersion === first) ? first : undefined;
  if (common !== commonEncodingVersion) {
    const detail =
      common === undefined
        ? "should be nil if servers do not agree on the same encoding version, or if there is no server reporting the supported versions yet"
        : `the ${commonEncodingVersion === undefined ? "" : "actual "}common encoding version is ${common}`;
    errors.push(invalid("status.commonEncodingVersion", commonEncodingVersion, detail));
  }
  for (const [index, condition] of (conditions ?? []).entries())
    validateCondition(condition, index, conditions!, errors);
  return errors;
}

function validateServer(server: ServerStorageVersion, path: string, errors: FieldError[]): void {
  const { apiServerID, encodingVersion = "", decodableVersions = [], servedVersions = [] } = server;
  for (const problem of checkDnsSubdomain(apiServerID ?? "")) {
    errors.push(invalid(child(path, "apiServerID"), apiServerID ?? "", problem));
  }
  validateVersion(encodingVersion, child(path, "encodingVersion"), errors);
  const decodable = child(path, "decodableVersions");
  for (const [index, version] of decodableVersions.entries()) validateVersion(version, at(decodable, index), errors);
  if (!decodableVersions.includes(encodingVersion)) {
    const detail = `decodableVersions must include encodingVersion ${encodingVersion}`;
    errors.push(invalid(decodable, decodableVersions, detail));
  }
  for (const [index, version] of servedVersions.entries()) {
    const field = at(child(path, "servedVersions"), index);
    validateVersion(version, field, errors);
    if (decodableVersions.includes(version)) continue;
    const all = `[${decodableVersions.join(" ")}]`;
    const detail = `individual served version : ${version} must be included in decodableVersions : ${all}`;
    errors.push(invalid(field, version, detail));
  }
}

const DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?";
const version1035 = new RegExp(`^${DNS_1035}$`);

/** `v1` or `group/v1`. */
function validateVersion(apiVersion: string, path: string, errors: FieldError[]): void {
  const parts = apiVersion.split("/");
  const version = parts.at(-1)!;
  const problems: string[] = [];
  if (parts.length > 2) problems.push("an apiVersion is of the form <version> or <group>/<version>");
  if (parts.length === 2) {
    const group = parts[0]!;
    if (group === "") problems.push("group part: must be non-empty");
    else problems.push(...checkDnsSubdomain(group).map((problem) => `group part: ${problem}`));
  }
  if (version === "") problems.push("version part: must be non-empty");
  else if (!version1035.test(version)) {
    const rule =
      "a DNS-1035 label, which must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
    problems.push(`version part: ${rule} (e.g. 'my-name',  or 'abc-123', regex used for validation is '${DNS_1035}')`);
  }
  if (problems.length > 0) errors.push(invalid(path, apiVersion, problems.join(",")));
}

function validateCondition(
  { type = "", status = "", reason, message }: StorageVersionCondition,
  index: number,
  all: readonly StorageVersionCondition[],
  errors: FieldError[],
): void {
  // Upstream leaves the name of the list out.
  const path = at("status", index);
  const before = all.findLastIndex((one, other) => other < index && one.type === type);
  if (before >= 0) {
    const detail = `the type of the condition is not unique, it also appears in conditions[${before}]`;
    errors.push(invalid(child(path, "type"), type, detail));
  }
  validateQualifiedName(type, child(path, "type"), errors);
  validateQualifiedName(status, child(path, "status"), errors);
  if (!reason) errors.push(required(child(path, "reason")));
  if (!message) errors.push(required(child(path, "message")));
}
