import type { FieldError } from "../resource-definition.ts";
import { goQuote, invalid } from "./field-errors.ts";

/** An address as it was written: its bytes, and what is odd about the spelling. */
export interface ParsedIp {
  readonly family: "IPv4" | "IPv6";
  /** 4 or 16 of them; an IPv4 address that was written as IPv6 has 4. */
  readonly bytes: readonly number[];
  /** Octets were written with leading zeros. */
  readonly leadingZeros: boolean;
  /** Written as ::ffff:1.2.3.4. */
  readonly mapped: boolean;
}

/** Reads an address leniently, as upstream does for old fields; undefined where it is none. */
export function parseIp(text: string): ParsedIp | undefined {
  if (!text.includes(":")) {
    const v4 = parseV4(text);
    return v4 && { family: "IPv4", ...v4, mapped: false };
  }
  const words = parseV6(text);
  if (!words) return undefined;
  const mapped = words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
  const bytes = words.flatMap((word) => [word >> 8, word & 0xff]);
  return mapped
    ? { family: "IPv4", bytes: bytes.slice(12), leadingZeros: false, mapped }
    : { family: "IPv6", bytes, leadingZeros: false, mapped };
}

function parseV4(text: string): { bytes: number[]; leadingZeros: boolean } | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let leadingZeros = false;
  const bytes: number[] = [];
  for (const part of parts) {
    if (!/^[0-9]{1,16}$/.test(part) || Number(part) > 255) return undefined;
    if (part.length > 1 && part.startsWith("0")) leadingZeros = true;
    bytes.push(Number(part));
  }
  return { bytes, leadingZeros };
}

/** The eight words of an IPv6 address. */
function parseV6(text: string): number[] | undefined {
  let source = text;
  if (text.includes(".")) {
    const colon = text.lastIndexOf(":");
    const v4 = parseV4(text.slice(colon + 1));
    if (!v4 || v4.leadingZeros) return undefined;
    const [a, b, c, d] = v4.bytes as [number, number, number, number];
    source = `${text.slice(0, colon + 1)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = source.split("::");
  if (halves.length > 2) return undefined;
  const left = readWords(halves[0]!);
  const right = halves.length === 2 ? readWords(halves[1]!) : [];
  if (!left || !right) return undefined;
  const given = left.length + right.length;
  if (halves.length === 1) return given === 8 ? left : undefined;
  return given > 7 ? undefined : [...left, ...new Array<number>(8 - given).fill(0), ...right];
}

function readWords(text: string): number[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  if (!parts.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  return parts.map((part) => Number.parseInt(part, 16));
}

/** The canonical text of an address (RFC 5952). */
export function formatIp({ family, bytes }: Pick<ParsedIp, "family" | "bytes">): string {
  if (family === "IPv4") return bytes.join(".");
  const words = Array.from({ length: 8 }, (_, index) => (bytes[index * 2]! << 8) | bytes[index * 2 + 1]!);
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && words[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
  }
  const hex = (part: number[]) => part.map((word) => word.toString(16)).join(":");
  if (best.start < 0) return hex(words);
  return `${hex(words.slice(0, best.start))}::${hex(words.slice(best.start + best.length))}`;
}

export interface ParsedCidr {
  readonly ip: ParsedIp;
  readonly length: number;
  /** The length was written with leading zeros. */
  readonly leadingZeros: boolean;
}

/** Reads `address/length` leniently; undefined where it is none. */
export function parseCidr(text: string): ParsedCidr | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const ip = parseIp(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (!ip || !/^[0-9]{1,9}$/.test(digits)) return undefined;
  let length = Number(digits);
  if (ip.mapped) length -= 96;
  if (length < 0 || length > ip.bytes.length * 8) return undefined;
  return { ip, length, leadingZeros: digits.length > 1 && digits.startsWith("0") };
}

/** The network of a CIDR in canonical form. */
export function formatNetwork({ ip, length }: ParsedCidr): string {
  return `${formatIp({ family: ip.family, bytes: maskBytes(ip.bytes, length) })}/${length}`;
}

function maskBytes(bytes: readonly number[], length: number): number[] {
  return bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - bits)) & 0xff;
  });
}

const IP_FORM = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const CIDR_FORM = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

/** A field that predates strict rules: any unambiguous spelling is taken, and what the old object already has. */
export function validateLegacyIp(
  text: string,
  path: string,
  errors: FieldError[],
  accepted: readonly string[] = [],
): void {
  if (!accepted.includes(text)) validateUnambiguousIp(text, path, errors);
}

function validateUnambiguousIp(text: string, path: string, errors: FieldError[]): ParsedIp | undefined {
  const ip = parseIp(text);
  if (!ip) errors.push(invalid(path, text, IP_FORM));
  else if (ip.leadingZeros) errors.push(invalid(path, text, "must not have leading 0s"));
  else if (ip.mapped) errors.push(invalid(path, text, "must not be an IPv4-mapped IPv6 address"));
  else return ip;
  return undefined;
}

/** An address in its canonical spelling. */
export function validateIp(text: string, path: string, errors: FieldError[]): void {
  const ip = validateUnambiguousIp(text, path, errors);
  if (!ip) return;
  const canonical = formatIp(ip);
  if (canonical !== text) errors.push(invalid(path, text, `must be in canonical form (${goQuote(canonical)})`));
}

/** A network in a field that predates strict rules. */
export function validateLegacyCidr(
  text: string,
  path: string,
  errors: FieldError[],
  accepted: readonly string[] = [],
): void {
  if (!accepted.includes(text)) validateUnambiguousCidr(text, path, errors);
}

function validateUnambiguousCidr(text: string, path: string, errors: FieldError[]): ParsedCidr | undefined {
  const cidr = parseCidr(text);
  if (!cidr) errors.push(invalid(path, text, CIDR_FORM));
  else if (cidr.ip.leadingZeros || cidr.leadingZeros) {
    errors.push(invalid(path, text, "must not have leading 0s in IP or prefix length"));
  } else if (cidr.ip.mapped) errors.push(invalid(path, text, "must not have an IPv4-mapped IPv6 address"));
  else if (maskBytes(cidr.ip.bytes, cidr.length).some((byte, index) => byte !== cidr.ip.bytes[index])) {
    errors.push(invalid(path, text, "must not have bits set beyond the prefix length"));
  } else return cidr;
  return undefined;
}

/** A network in its canonical spelling. */
export function validateCidr(text: string, path: string, errors: FieldError[]): void {
  const cidr = validateUnambiguousCidr(text, path, errors);
  if (!cidr) return;
  const canonical = formatNetwork(cidr);
  if (canonical !== text) errors.push(invalid(path, text, `must be in canonical form (${goQuote(canonical)})`));
}

/** Addresses that mean something else on every machine are no endpoints. */
export function validateNonSpecialIp(text: string, path: string, errors: FieldError[]): void {
  const ip = parseIp(text);
  if (!ip) {
    errors.push(invalid(path, text, "must be a valid IP address"));
    return;
  }
  const { bytes, family } = ip;
  const v4 = family === "IPv4";
  const [a, b, c] = bytes as [number, number, number];
  if (bytes.every((byte) => byte === 0)) errors.push(invalid(path, text, `may not be unspecified (${text})`));
  const loopback = v4 ? a === 127 : bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
  if (loopback) errors.push(invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)"));
  const linkLocal = v4 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80;
  if (linkLocal) errors.push(invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
  const multicast = v4 ? a === 224 && b === 0 && c === 0 : a === 0xff && (b & 0x0f) === 0x02;
  if (multicast) {
    errors.push(invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"));
  }
}

/** One address of each family, two at most. */
export function isDualStack(texts: readonly string[]): boolean {
  const families = texts.map((text) => (parseIp(text) ?? parseCidr(text)?.ip)?.family);
  return families.includes("IPv4") && families.includes("IPv6");
}

/** Whether the first network has all addresses of the second. */
export function containsNetwork(network: ParsedCidr, inner: ParsedCidr): boolean {
  if (network.ip.family !== inner.ip.family || network.length > inner.length) return false;
  const expected = maskBytes(network.ip.bytes, network.length);
  return maskBytes(inner.ip.bytes, network.length).every((byte, index) => byte === expected[index]);
}

/** What to tell of an address that is taken, but not written as it should be. */
export function ipWarnings(text: string, path: string): string[] {
  const ip = parseIp(text);
  if (!ip) return [];
  const canonical = formatIp(ip);
  if (ip.leadingZeros || ip.mapped) {
    return [`${path}: non-standard IP address ${goQuote(text)} is invalid: use ${goQuote(canonical)}`];
  }
  if (canonical === text) return [];
  return [`${path}: IPv6 address ${goQuote(text)} should be in RFC 5952 canonical format (${goQuote(canonical)})`];
}

/** The same for a network. */
export function cidrWarnings(text: string, path: string): string[] {
  const cidr = parseCidr(text);
  if (!cidr) return [];
  const warnings: string[] = [];
  const network = formatNetwork(cidr);
  const { bytes } = cidr.ip;
  if (maskBytes(bytes, cidr.length).some((byte, index) => byte !== bytes[index])) {
    const single = `${formatIp(cidr.ip)}/${bytes.length * 8}`;
    const detail = `is ambiguous in this context (should be ${goQuote(network)} or ${goQuote(single)}?)`;
    warnings.push(`${path}: CIDR value ${goQuote(text)} ${detail}`);
  }
  if (cidr.ip.leadingZeros || cidr.leadingZeros || cidr.ip.mapped) {
    warnings.push(`${path}: non-standard CIDR value ${goQuote(text)} is invalid: use ${goQuote(network)}`);
  }
  if (warnings.length > 0 || network === text) return warnings;
  return [`${path}: IPv6 CIDR value ${goQuote(text)} should be in RFC 5952 canonical format (${goQuote(network)})`];
}
