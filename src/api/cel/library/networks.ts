import { formatIp, type ParsedIp, parseCidr, parseIp } from "../../resources/ip-checks.ts";
import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { Fault, LibraryValue } from "../values.ts";

type Address = Pick<ParsedIp, "family" | "bytes">;

class IpValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.ip!.name;
  readonly address: Address;
  constructor(address: Address) {
    super();
    this.address = address;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof IpValue && formatIp(this.address) === formatIp(other.address);
  }
  override toJson(): string {
    return formatIp(this.address);
  }
  override get costSize(): number {
    return this.address.bytes.length;
  }
}

class CidrValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.cidr!.name;
  readonly address: Address;
  readonly length: number;
  constructor(address: Address, length: number) {
    super();
    this.address = address;
    this.length = length;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof CidrValue && this.toJson() === other.toJson();
  }
  override toJson(): string {
    return `${formatIp(this.address)}/${this.length}`;
  }
  override get costSize(): number {
    return Math.ceil(this.length / 8);
  }
  /** The address with the bits of the host cleared. */
  get masked(): CidrValue {
    const bytes = this.address.bytes.map((byte, index) => {
      const bits = Math.min(8, Math.max(0, this.length - index * 8));
      return byte & (0xff << (8 - bits));
    });
    return new CidrValue({ family: this.address.family, bytes }, this.length);
  }
  containsAddress(other: Address, length = other.bytes.length * 8): boolean {
    if (other.family !== this.address.family || length < this.length) return false;
    const mine = this.masked.address.bytes;
    const theirs = new CidrValue(other, this.length).masked.address.bytes;
    return mine.every((byte, index) => byte === theirs[index]);
  }
}

function ipOf(text: string): IpValue {
  const quoted = JSON.stringify(text);
  if (/%/.test(text)) throw new Fault(`IP address ${quoted} with zone value is not allowed`);
  const parsed = parseIp(text);
  if (!parsed || parsed.leadingZeros) {
    throw new Fault(
      `IP Address ${quoted} parse error during conversion from string: ParseAddr(${quoted}): unable to parse IP`,
    );
  }
  if (parsed.mapped) throw new Fault(`IPv4-mapped IPv6 address ${quoted} is not allowed`);
  return new IpValue(parsed);
}

function cidrOf(text: string): CidrValue {
  const quoted = JSON.stringify(text);
  const parsed = parseCidr(text);
  if (!parsed || parsed.leadingZeros || parsed.ip.leadingZeros) {
    const why = text.includes("/") ? "unable to parse" : "no '/'";
    const error = `network address parse error during conversion from string: netip.ParsePrefix(${quoted}): ${why}`;
    throw new Fault(`network address parse error during conversion from string: ${error}`);
  }
  if (parsed.ip.mapped) throw new Fault(`IPv4-mapped IPv6 address ${quoted} is not allowed`);
  return new CidrValue(parsed.ip, parsed.length);
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

const first = ({ address }: IpValue): number => address.bytes[0]!;
const isIPv4 = ({ address }: IpValue): boolean => address.bytes.length === 4;
const isUnspecified = ({ address }: IpValue): boolean => address.bytes.every((byte) => byte === 0);
const isLoopback = (ip: IpValue): boolean =>
  isIPv4(ip) ? first(ip) === 127 : ip.address.bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
const isMulticast = (ip: IpValue): boolean => (isIPv4(ip) ? (first(ip) & 0xf0) === 0xe0 : first(ip) === 0xff);
const isLinkLocalMulticast = (ip: IpValue): boolean =>
  isIPv4(ip)
    ? first(ip) === 224 && ip.address.bytes[1] === 0 && ip.address.bytes[2] === 0
    : first(ip) === 0xff && (ip.address.bytes[1]! & 0x0f) === 0x02;
const isLinkLocalUnicast = (ip: IpValue): boolean =>
  isIPv4(ip)
    ? first(ip) === 169 && ip.address.bytes[1] === 254
    : first(ip) === 0xfe && (ip.address.bytes[1]! & 0xc0) === 0x80;
const isGlobalUnicast = (ip: IpValue): boolean =>
  !(isUnspecified(ip) || isLoopback(ip) || isMulticast(ip) || isLinkLocalUnicast(ip)) &&
  !(isIPv4(ip) && ip.address.bytes.every((byte) => byte === 255));

/** Kubernetes' IP addresses and networks. */
export const networks: Library = {
  "ip(string): ip": ipOf,
  "isIP(string): bool": (text: string) => succeeds(() => ipOf(text)),
  "ip.isCanonical(string): bool": (text: string) => ipOf(text).toJson() === text,
  "ip -> family(): int": (ip: IpValue) => (isIPv4(ip) ? 4n : 6n),
  "ip -> isUnspecified(): bool": isUnspecified,
  "ip -> isLoopback(): bool": isLoopback,
  "ip -> isLinkLocalMulticast(): bool": isLinkLocalMulticast,
  "ip -> isLinkLocalUnicast(): bool": isLinkLocalUnicast,
  "ip -> isGlobalUnicast(): bool": isGlobalUnicast,
  "string(ip): string": (ip: IpValue) => ip.toJson(),
  "cidr(string): cidr": cidrOf,
  "isCIDR(string): bool": (text: string) => succeeds(() => cidrOf(text)),
  "cidr_contains_ip_string | cidr -> containsIP(string): bool": (cidr: CidrValue, ip: string) =>
    cidr.containsAddress(ipOf(ip).address),
  "cidr -> containsIP(ip): bool": (cidr: CidrValue, ip: IpValue) => cidr.containsAddress(ip.address),
  "cidr_contains_cidr_string | cidr -> containsCIDR(string): bool": (cidr: CidrValue, text: string) => {
    const other = cidrOf(text);
    return cidr.containsAddress(other.address, other.length);
  },
  "cidr -> containsCIDR(cidr): bool": (cidr: CidrValue, other: CidrValue) =>
    cidr.containsAddress(other.address, other.length),
  "cidr_ip | cidr -> ip(): ip": (cidr: CidrValue) => new IpValue(cidr.address),
  "cidr -> prefixLength(): int": (cidr: CidrValue) => BigInt(cidr.length),
  "cidr -> masked(): cidr": (cidr: CidrValue) => cidr.masked,
  "string(cidr): string": (cidr: CidrValue) => cidr.toJson(),
};
