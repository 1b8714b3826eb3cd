/** The parts of a package.json that say how a program is started. */
export interface PackageManifest {
  readonly main?: unknown;
  readonly bin?: unknown;
  readonly scripts?: { readonly start?: unknown };
}

/** How the program is started, as the arguments of `node`; or why that is not to be told. */
export type PackageEntrypoint = { readonly args: readonly string[] } | { readonly problem: string };

const SHELL_SYNTAX = /[|&;<>()$`"'\\*?[\]#~=%!{}\n]/;

/**
 * How to start a package without a shell and without npm: by `scripts.start` if it is one plain `node` command or a
 * program of node_modules, else by `bin` if it names one file, else by `main`, else by the files that Node and npm take
 * by default. `exists` answers for paths relative to the package.
 */
export function packageEntrypoint(manifest: PackageManifest, exists: (path: string) => boolean): PackageEntrypoint {
  const start = manifest.scripts?.start;
  if (typeof start === "string" && start.trim() !== "") {
    const [program, ...args] = start.trim().split(/\s+/) as [string, ...string[]];
    if (SHELL_SYNTAX.test(start)) {
      return { problem: `the start script ${JSON.stringify(start)} needs a shell; give an entry point` };
    }
    if (program === "node") return { args };
    const installed = `node_modules/.bin/${program}`;
    if (exists(installed)) return { args: [installed, ...args] };
    return { problem: `the start script's program ${JSON.stringify(program)} is not in node_modules/.bin` };
  }
  const { bin, main } = manifest;
  const programs =
    typeof bin === "string"
      ? [bin]
      : typeof bin === "object" && bin !== null
        ? Object.values(bin).filter((path) => typeof path === "string")
        : [];
  if (programs.length > 1) return { problem: "package.json names several programs in bin; give an entry point" };
  const named = programs[0] ?? (typeof main === "string" ? main : undefined);
  if (named !== undefined) {
    const path = normalise(named);
    const found = [path, `${path}.js`, `${path}/index.js`].find(
      (candidate) => exists(candidate) && /\.[cm]?[jt]s$/.test(candidate),
    );
    if (found ?? (exists(path) ? path : undefined)) return { args: [found ?? path] };
    return { problem: `package.json names ${named}, which is not there` };
  }
  const usual = ["server.js", "index.js", "index.mjs", "server.ts", "index.ts", "main.js", "main.ts"].find(exists);
  if (usual) return { args: [usual] };
  return {
    problem: "no entry point: package.json has no scripts.start, bin or main, and there is no server.js or index.js",
  };
}

const normalise = (path: string) => path.replace(/^(?:\.?\/)+/, "");
