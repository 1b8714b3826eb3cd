import type { FileHandle } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { Clock } from "../../base/clock.ts";
import { type Files, isNotFound } from "../../base/files.ts";

export interface RotationOptions {
  path: string;
  /** A file that would grow beyond is put aside first. */
  maxBytes: number;
  /** Files put aside longer ago are removed; 0: never. */
  maxAgeDays: number;
  /** How many files that were put aside are kept; 0: all. */
  maxBackups: number;
  compress: boolean;
}

const DAY_MS = 86_400_000;

/**
 * A log file that is put aside as `name-<time>.ext` (UTC) when it is full, as upstream's logger does. What is written
 * while a write is under way goes out with the next one.
 */
export class RotatingFile {
  readonly #options: RotationOptions;
  readonly #files: Files;
  readonly #clock: Clock;
  #handle: FileHandle | undefined;
  #size = 0;
  #pending: { text: string; settle: (error?: unknown) => void }[] = [];
  #running: Promise<void> | undefined;

  constructor(options: RotationOptions, effects: { files: Files; clock: Clock }) {
    this.#options = options;
    this.#files = effects.files;
    this.#clock = effects.clock;
  }

  /** Opens the file, with its directory made where it is missing. Rejects where that can't be done. */
  async open(): Promise<void> {
    const { path } = this.#options;
    await this.#files.mkdir(dirname(path), { recursive: true });
    this.#handle = await this.#files.open(path, "a", 0o600);
    this.#size = (await this.#handle.stat()).size;
  }

  /** Resolves when `text` is in the file. */
  write(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ text, settle: (error) => (error === undefined ? resolve() : reject(error)) });
      this.#running ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    await this.#running;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      try {
        const text = batch.map((one) => one.text).join("");
        const bytes = Buffer.byteLength(text);
        if (this.#size > 0 && this.#size + bytes > this.#options.maxBytes) await this.#rotate();
        if (!this.#handle) await this.open();
        await this.#handle!.appendFile(text);
        this.#size += bytes;
        for (const { settle } of batch) settle();
      } catch (error) {
        for (const { settle } of batch) settle(error);
      }
    }
    // Not in a later job: who writes in between would wait for a drain that is over.
    this.#running = undefined;
  }

  /** As much as fits into a file of its own. */
  #takeBatch() {
    const { maxBytes } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const { text } of this.#pending) {
      bytes += Buffer.byteLength(text);
      if (count > 0 && bytes > maxBytes) break;
      count++;
    }
    return this.#pending.splice(0, count);
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    await this.#handle?.close();
    this.#handle = undefined;
    const { prefix, extension } = parts(path);
    const stamp = new Date(this.#clock.now()).toISOString().replaceAll(":", "-").slice(0, -1);
    await this.#files.rename(path, join(dirname(path), `${prefix}${stamp}${extension}`));
    await this.open();
    await this.#tidy();
  }

  /** Compresses what was put aside, and removes what is too old or too much. */
  async #tidy(): Promise<void> {
    const { path, maxAgeDays, maxBackups, compress } = this.#options;
    const directory = dirname(path);
    const { prefix, extension } = parts(path);
    const backups: { name: string; time: number }[] = [];
    for (const name of await this.#files.readdir(directory)) {
      const plain = name.endsWith(".gz") ? name.slice(0, -3) : name;
      if (!plain.startsWith(prefix) || !plain.endsWith(extension)) continue;
      const stamp = plain.slice(prefix.length, plain.length - extension.length);
      const match = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(stamp);
      if (match) backups.push({ name, time: Date.parse(`${match[1]}${match[2]}:${match[3]}:${match[4]}Z`) });
    }
    backups.sort((a, b) => b.time - a.time);
    const oldest = maxAgeDays > 0 ? this.#clock.now() - maxAgeDays * DAY_MS : Number.NEGATIVE_INFINITY;
    for (const [index, { name, time }] of backups.entries()) {
      const file = join(directory, name);
      if ((maxBackups > 0 && index >= maxBackups) || time < oldest) await this.#files.rm(file, { force: true });
      else if (compress && !name.endsWith(".gz")) await this.#compress(file);
    }
  }

  async #compress(file: string): Promise<void> {
    const { createGzip } = await import("node:zlib");
    const { pipeline } = await import("node:stream/promises");
    try {
      const target = this.#files.createWriteStream(`${file}.gz`, { mode: 0o600 });
      await pipeline(this.#files.createReadStream(file), createGzip(), target);
      await this.#files.rm(file);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function parts(path: string): { prefix: string; extension: string } {
  const extension = extname(path);
  return { prefix: `${basename(path, extension)}-`, extension };
}
