/**
 * DER, the binary form of ASN.1 that certificates use: just enough to write and read X.509 and PKCS#10. Definite
 * lengths and single-byte tags only, which is all that DER certificates contain.
 */

/** Tags used in certificates. Context-specific ones are made with `context`. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag number `n` of the context-specific class. */
export const context = (n: number, constructed = true): number => (constructed ? 0xa0 : 0x80) | n;

/** One value: its tag, its length, and `contents` joined. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | bytesOf(length).length, ...bytesOf(length)];
  return Buffer.concat([Buffer.from(header), ...contents], header.length + length);
}

function bytesOf(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => der(TAG.sequence, ...contents);
export const octetString = (content: Uint8Array): Buffer => der(TAG.octetString, content);
export const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, "utf8"));
export const boolean = (value: boolean): Buffer => der(TAG.boolean, Buffer.from([value ? 0xff : 0]));
export const nullValue: Buffer = der(TAG.null);

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.length === 0 ? Buffer.from([0]) : bytes.subarray(start);
  return trimmed[0]! & 0x80 ? der(TAG.integer, Buffer.from([0]), trimmed) : der(TAG.integer, trimmed);
}

/** A bit string; `unusedBits` of the last byte do not count. */
export const bitString = (content: Uint8Array, unusedBits = 0): Buffer =>
  der(TAG.bitString, Buffer.from([unusedBits]), content);

/** An object identifier from its dotted form. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left % 128) | 0x80);
    bytes.push(...groups);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

/** A moment in ms since the epoch, to the second: UTCTime up to 2049, GeneralizedTime after, as RFC 5280 demands. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\.\d+|[-:T]/g, "");
  const year = new Date(ms).getUTCFullYear();
  return year >= 1950 && year < 2050 ? text(TAG.utcTime, digits.slice(2)) : text(TAG.generalizedTime, digits);
}

/** The bytes are no DER, or not the structure that was expected. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "DerError";
  }
}

/** One decoded value. */
export interface DerValue {
  readonly tag: number;
  /** The bytes inside. */
  readonly content: Buffer;
  /** The bytes with tag and length. */
  readonly raw: Buffer;
}

/** The one value that `bytes` consist of. Throws DerError. */
export function readDer(bytes: Uint8Array): DerValue {
  const values = readAll(bytes);
  if (values.length !== 1) throw new DerError(`expected one DER value, found ${values.length}`);
  return values[0]!;
}

/** The values inside a constructed value. Throws DerError, also where its tag is not `tag` (if given). */
export function children(value: DerValue | undefined, tag?: number): DerValue[] {
  if (!value) throw new DerError("a DER value is missing");
  if (tag !== undefined && value.tag !== tag) throw new DerError(`expected DER tag ${tag}, found ${value.tag}`);
  return readAll(value.content);
}

function readAll(bytes: Uint8Array): DerValue[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: DerValue[] = [];
  for (let start = 0; start < buffer.length; ) {
    if (start + 2 > buffer.length) throw new DerError("truncated DER value");
    const tag = buffer[start]!;
    if ((tag & 0x1f) === 0x1f) throw new DerError("multi-byte DER tags are not supported");
    let length = buffer[start + 1]!;
    let offset = start + 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4 || offset + size > buffer.length) throw new DerError("unsupported DER length");
      length = buffer.readUIntBE(offset, size);
      offset += size;
    }
    const end = offset + length;
    if (end > buffer.length) throw new DerError("truncated DER value");
    values.push({ tag, content: buffer.subarray(offset, end), raw: buffer.subarray(start, end) });
    start = end;
  }
  return values;
}

/** The dotted form of an object identifier. */
export function readOid(value: DerValue | undefined): string {
  if (value?.tag !== TAG.oid || value.content.length === 0) throw new DerError("expected an object identifier");
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const first = Math.min(2, Math.floor(arcs[0]! / 40));
  return [first, arcs[0]! - first * 40, ...arcs.slice(1)].join(".");
}

/** A string of any of the types that names use. */
export function readText(value: DerValue): string {
  if (value.tag === 0x1e && value.content.length % 2 === 0) {
    return Buffer.from(value.content).swap16().toString("utf16le"); // BMPString
  }
  return value.content.toString(value.tag === 0x14 ? "latin1" : "utf8"); // 0x14: T61String
}

/** A UTCTime or GeneralizedTime, in ms since the epoch. */
export function readTime(value: DerValue | undefined): number {
  const digits = value?.content.toString("latin1") ?? "";
  const short = value?.tag === TAG.utcTime;
  const match = (
    short ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
  )
    .exec(digits)
    ?.slice(1)
    .map(Number);
  if (!match || (!short && value?.tag !== TAG.generalizedTime)) throw new DerError("expected a time");
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match;
  return Date.UTC(short ? (year < 50 ? 2000 : 1900) + year : year, month - 1, day, hour, minute, second);
}

/** The bytes of a bit string that uses whole bytes. */
export function readBits(value: DerValue | undefined): Buffer {
  if (value?.tag !== TAG.bitString || value.content.length === 0) throw new DerError("expected a bit string");
  return value.content.subarray(1);
}
