import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { Fault, LibraryValue } from "../values.ts";

type Parts = readonly (bigint | string)[];

class SemverValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.semver!.name;
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: Parts;
  readonly text: string;
  constructor(text: string, numbers: readonly [bigint, bigint, bigint], prerelease: Parts) {
    super();
    this.text = text;
    this.numbers = numbers;
    this.prerelease = prerelease;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof SemverValue && compare(this, other) === 0n;
  }
  override toJson(): string {
    return this.text;
  }
}

const NUMBER = "(?:0|[1-9]\\d*)";
const IDENTIFIER = "[0-9A-Za-z-]+";
const SEMVER = new RegExp(
  `^(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})(?:-(${IDENTIFIER}(?:\\.${IDENTIFIER})*))?(?:\\+${IDENTIFIER}(?:\\.${IDENTIFIER})*)?$`,
);
const UINT64 = 1n << 64n;

/** Semantic Versioning 2.0; undefined where the text is none. */
function parse(text: string): SemverValue | undefined {
  const match = SEMVER.exec(text);
  if (!match) return undefined;
  const numbers = match.slice(1, 4).map(BigInt) as [bigint, bigint, bigint];
  const prerelease = (match[4]?.split(".") ?? []).map((part) => (/^\d+$/.test(part) ? BigInt(part) : part));
  const leadingZero = match[4]?.split(".").some((part) => /^0\d+$/.test(part));
  return leadingZero || numbers.some((number) => number >= UINT64)
    ? undefined
    : new SemverValue(text, numbers, prerelease);
}

/** `v1.02` as `1.2.0`: without a leading v, zeros before numbers, and with all three numbers. */
function normalize(text: string): string {
  const plain = text.trim().replace(/^v/, "");
  const parts = plain.split(".");
  const [major = "", minor, ...rest] = parts;
  const strip = (part: string): string => part.replace(/^0+(?=\d)/, "");
  if (parts.length > 2) return [strip(major), strip(minor!), strip(rest[0]!), ...rest.slice(1)].join(".");
  // A version with one or two numbers may not have a suffix.
  if (/[+-]/.test(parts.at(-1)!)) return plain;
  return [strip(major), strip(minor ?? "0"), "0"].join(".");
}

function semver(text: string, normalized = false): SemverValue {
  const parsed = parse(normalized ? normalize(text) : text);
  if (!parsed) throw new Fault(problem(text));
  return parsed;
}
function problem(text: string): string {
  if (text === "") return "Version string empty";
  if (text.split(".").length < 3) return "No Major.Minor.Patch elements found";
  return `Invalid character(s) found in version ${JSON.stringify(text)}`;
}

function compare(a: SemverValue, b: SemverValue): bigint {
  for (const [index, number] of a.numbers.entries()) {
    const other = b.numbers[index]!;
    if (number !== other) return number < other ? -1n : 1n;
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return a.prerelease.length === b.prerelease.length ? 0n : a.prerelease.length === 0 ? 1n : -1n;
  }
  for (const [index, part] of a.prerelease.entries()) {
    const other = b.prerelease[index];
    if (other === undefined) return 1n;
    if (part === other) continue;
    if (typeof part !== typeof other) return typeof part === "bigint" ? -1n : 1n;
    return part < other ? -1n : 1n;
  }
  return a.prerelease.length === b.prerelease.length ? 0n : -1n;
}

type S = SemverValue;
/** Kubernetes' semantic versions. */
export const semvers: Library = {
  "semver(string): semver": (text: string) => semver(text),
  "semver(string, bool): semver": semver,
  "isSemver(string): bool": (text: string) => parse(text) !== undefined,
  "isSemver(string, bool): bool": (text: string, normalized: boolean) =>
    parse(normalized ? normalize(text) : text) !== undefined,
  "semver -> isGreaterThan(semver): bool": (a: S, b: S) => compare(a, b) > 0n,
  "semver -> isLessThan(semver): bool": (a: S, b: S) => compare(a, b) < 0n,
  "semver -> compareTo(semver): int": compare,
  "semver -> major(): int": ({ numbers }: S) => numbers[0],
  "semver -> minor(): int": ({ numbers }: S) => numbers[1],
  "semver -> patch(): int": ({ numbers }: S) => numbers[2],
};
