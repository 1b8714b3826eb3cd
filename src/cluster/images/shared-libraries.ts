import { dirname, join } from "node:path";
import { type Files, isNotFound } from "../../base/files.ts";
import { type ElfFile, readElf } from "./elf.ts";

/** A program with everything that the dynamic loader will want for it. */
export interface LinkedProgram {
  readonly program: ElfFile;
  /** The loader's path as the program names it, and the libraries by the names that they are looked up by. */
  readonly interpreter?: string;
  readonly libraries: ReadonlyMap<string, { readonly path: string; readonly elf: ElfFile }>;
}

/** Loaded by the C library by name when a program looks up hosts (before glibc 2.34 they were separate). */
const NAME_SERVICE = ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"];

/**
 * Finds the libraries that `path` is linked with, and theirs, as the dynamic loader would (ld.so(8)): the search path of
 * the program, then the system's. Rejects with the name of one that is not there.
 */
export async function linkedProgram(files: Files, path: string): Promise<LinkedProgram> {
  const program = await readElf(files, path);
  if (!program) throw new Error(`${path} is not an ELF program`);
  const libraries = new Map<string, { path: string; elf: ElfFile }>();
  if (!program.interpreter) return { program, libraries };
  const system = await systemDirectories(files, program.interpreter);
  const find = async (name: string, needer: string, elf: ElfFile) => {
    const own = elf.searchPath.map((directory) => directory.replace(/\$\{?ORIGIN\}?/g, dirname(needer)));
    for (const directory of [...own, ...system]) {
      const candidate = name.startsWith("/") ? name : join(directory, name);
      if (!(await files.exists(candidate))) continue;
      const found = await readElf(files, candidate);
      // A directory may hold libraries for another processor.
      if (found?.machine === program.machine) return { path: candidate, elf: found };
    }
    return undefined;
  };
  const add = async (needer: string, elf: ElfFile): Promise<void> => {
    for (const name of elf.needed) {
      if (libraries.has(name) || name === program.interpreter?.split("/").at(-1)) continue;
      const found = await find(name, needer, elf);
      if (!found) throw new Error(`${needer} needs the library ${name}, which is not to be found`);
      libraries.set(name, found);
      await add(found.path, found.elf);
    }
  };
  await add(path, program);
  if (libraries.has("libc.so.6")) {
    for (const name of NAME_SERVICE) {
      const found = libraries.has(name) ? undefined : await find(name, path, program);
      if (found) libraries.set(name, found);
    }
  }
  return { program, interpreter: program.interpreter, libraries };
}

/** The directories that the loader searches by itself: those it was built with, and those of ld.so.conf. */
async function systemDirectories(files: Files, interpreter: string): Promise<string[]> {
  if (interpreter.includes("/ld-musl-")) {
    const configured = await textIfPresent(files, interpreter.replace("/lib/", "/etc/").replace(/\.so\.\d+$/, ".path"));
    return configured?.split(/[\n:]+/).filter(Boolean) ?? ["/lib", "/usr/local/lib", "/usr/lib"];
  }
  const triplets: Record<string, string> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
  const triplet = triplets[process.arch];
  const builtIn = [
    ...(triplet ? [`/lib/${triplet}`, `/usr/lib/${triplet}`] : []),
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
  ];
  return [...builtIn, ...(await configuredDirectories(files, "/etc/ld.so.conf"))];
}

async function configuredDirectories(files: Files, path: string): Promise<string[]> {
  const directories: string[] = [];
  for (const line of (await textIfPresent(files, path))?.split("\n") ?? []) {
    const text = line.replace(/#.*/, "").trim();
    const included = /^include\s+(.*)\/\*\.conf$/.exec(text)?.[1];
    if (included) {
      const names = (await files.exists(included)) ? await files.readdir(included) : [];
      for (const name of names.filter((one) => one.endsWith(".conf")).sort()) {
        directories.push(...(await configuredDirectories(files, join(included, name))));
      }
    } else if (text.startsWith("/")) directories.push(text);
  }
  return directories;
}

async function textIfPresent(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readFile(path, "utf8");
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
