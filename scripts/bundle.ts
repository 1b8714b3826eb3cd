/**
 * Makes dist/: the CLI with everything in it, and the workers that run beside it, for Node 24. Programs that run from an
 * older bundle go on reading their own chunks: those stay for a while. `--clean` leaves nothing but the new bundle.
 * `--library` adds what other programs import, with its types.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { gatherDescriptions } from "./descriptions.ts";

/** How long the chunks of older bundles stay. */
const KEEP_MS = 7 * 86_400_000;

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const fresh = join(root, `.node/bundle-${process.pid}`);
const started = new Date();
rmSync(fresh, { recursive: true, force: true });
const settings: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  // Rarely used parts become chunks of their own, read only when they are asked for.
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: "linked",
  // CommonJS packages inside an ES module bundle still call require for Node's own modules.
  banner: {
    js: 'import { createRequire as knarrRequire } from "node:module"; const require = knarrRequire(import.meta.url);',
  },
  logLevel: "warning",
};
await build({
  ...settings,
  entryPoints: { knarr: "src/cli/main.ts", "store-worker": "src/store/embedded/worker.ts" },
  outdir: fresh,
});

writeFileSync(join(fresh, "descriptions.json"), JSON.stringify(gatherDescriptions(join(root, "node_modules"))));
if (process.argv.includes("--clean")) rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
// Chunks first: whoever reads the entry finds what it names. Each file is replaced in one step.
const isEntry = (file: string) => file === "knarr.js" || file === "store-worker.js";
const files = readdirSync(fresh).sort((a, b) => Number(isEntry(a)) - Number(isEntry(b)));
for (const file of files) renameSync(join(fresh, file), join(dist, file));
// A source that changed meanwhile must count as newer than the bundle.
utimesSync(join(dist, "knarr.js"), started, started);
rmSync(fresh, { recursive: true });
for (const file of readdirSync(dist)) {
  const path = join(dist, file);
  if (!files.includes(file) && Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path);
}

if (process.argv.includes("--library")) {
  // In chunks of its own: those of the CLI are cut for its start.
  const entryPoints = {
    client: "src/client/index.ts",
    controller: "src/operator/index.ts",
    testing: "src/testing/index.ts",
  };
  for (const made of ["lib", "types"]) rmSync(join(dist, made), { recursive: true, force: true });
  await build({ ...settings, entryPoints, outdir: join(dist, "lib") });
  const types = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--outDir", join(dist, "types")];
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tsconfig.types.json"), ...types], {
    stdio: "inherit",
  });
}
