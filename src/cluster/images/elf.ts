import type { FileHandle } from "node:fs/promises";
import type { Files } from "../../base/files.ts";

/** What is needed of an ELF file (elf(5)) to run it elsewhere. */
export interface ElfFile {
  /** The dynamic loader; absent in static programs and in libraries. */
  readonly interpreter?: string;
  /** The names of the libraries that it needs itself. */
  readonly needed: readonly string[];
  /** Where it wants them looked for, `$ORIGIN` not yet replaced. */
  readonly searchPath: readonly string[];
  /** The name that others know it by. */
  readonly soname?: string;
  /** The processor it is for, as a number of the ELF specification. */
  readonly machine: number;
  /** Bytes from the beginning that are loaded; what follows (symbols, section names) is for tools. */
  readonly loadedBytes: number;
}

const PT = { load: 1, dynamic: 2, interpreter: 3 };
const DT = { null: 0, needed: 1, stringTable: 5, soname: 14, rpath: 15, runpath: 29 };

/** Reads the headers of a 64-bit little-endian ELF file. Undefined where the file is no ELF file. */
export async function readElf(files: Files, path: string): Promise<ElfFile | undefined> {
  const file = await files.open(path);
  try {
    const header = await read(file, 0, 64);
    if (header.length < 64 || header.subarray(0, 4).toString("latin1") !== "\x7fELF") return undefined;
    if (header[4] !== 2 || header[5] !== 1) throw new Error(`${path} is not a 64-bit little-endian program`);
    const tableOffset = Number(header.readBigUInt64LE(32));
    const entrySize = header.readUInt16LE(54);
    const count = header.readUInt16LE(56);
    const table = await read(file, tableOffset, entrySize * count);
    const segments = Array.from({ length: count }, (_, index) => {
      const at = index * entrySize;
      return {
        type: table.readUInt32LE(at),
        offset: Number(table.readBigUInt64LE(at + 8)),
        address: Number(table.readBigUInt64LE(at + 16)),
        size: Number(table.readBigUInt64LE(at + 32)),
      };
    });
    const loaded = segments.filter(({ type }) => type === PT.load);
    const offsetOf = (address: number) => {
      const segment = loaded.find((one) => address >= one.address && address < one.address + one.size);
      if (!segment) throw new Error(`${path} refers to an address that it doesn't load`);
      return address - segment.address + segment.offset;
    };
    const stringAt = async (offset: number) => {
      const bytes = await read(file, offset, 4096);
      return bytes.subarray(0, bytes.indexOf(0)).toString();
    };

    const entries: { tag: number; value: number }[] = [];
    const dynamic = segments.find(({ type }) => type === PT.dynamic);
    if (dynamic) {
      const bytes = await read(file, dynamic.offset, dynamic.size);
      for (let at = 0; at + 16 <= bytes.length; at += 16) {
        const tag = Number(bytes.readBigInt64LE(at));
        if (tag === DT.null) break;
        entries.push({ tag, value: Number(bytes.readBigUInt64LE(at + 8)) });
      }
    }
    const strings = entries.find(({ tag }) => tag === DT.stringTable);
    const named = (wanted: number) =>
      Promise.all(
        entries.filter(({ tag }) => tag === wanted).map(({ value }) => stringAt(offsetOf(strings?.value ?? 0) + value)),
      );
    const [needed, [soname], runpath, rpath] = await Promise.all([
      named(DT.needed),
      named(DT.soname),
      named(DT.runpath),
      named(DT.rpath),
    ]);
    const interpreter = segments.find(({ type }) => type === PT.interpreter);
    return {
      ...(interpreter ? { interpreter: await stringAt(interpreter.offset) } : {}),
      needed,
      searchPath: (runpath.length > 0 ? runpath : rpath).flatMap((list) => list.split(":")).filter(Boolean),
      ...(soname ? { soname } : {}),
      machine: header.readUInt16LE(18),
      loadedBytes: Math.max(64, tableOffset + entrySize * count, ...loaded.map(({ offset, size }) => offset + size)),
    };
  } finally {
    await file.close();
  }
}

/**
 * The content of an ELF file without what isn't loaded: symbols, debug information and the section table. Yields
 * exactly `loadedBytes` bytes.
 */
export async function* strippedElf(files: Files, path: string, loadedBytes: number): AsyncIterable<Uint8Array> {
  let first = true;
  for await (const chunk of files.createReadStream(path, { end: loadedBytes - 1, highWaterMark: 1 << 20 })) {
    const bytes = chunk as Buffer;
    if (first) {
      // No section table: its offset, the number of sections, and the index of their names.
      bytes.fill(0, 40, 48);
      bytes.fill(0, 60, 64);
      first = false;
    }
    yield bytes;
  }
}

async function read(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
