/** Makes dist/: the CLI with everything in it, and the workers that run beside it, for Node 24. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
rmSync(join(root, "dist"), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: { knarr: "src/cli/main.ts", "store-worker": "src/store/embedded/worker.ts" },
  outdir: "dist",
  bundle: true,
  // Rarely used parts become chunks of their own, read only when they are asked for.
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node24",
  minifySyntax: true,
  minifyWhitespace: true,
  keepNames: true,
  legalComments: "linked",
  // CommonJS packages inside an ES module bundle still call require for Node's own modules.
  banner: {
    js: 'import { createRequire as knarrRequire } from "node:module"; const require = knarrRequire(import.meta.url);',
  },
  logLevel: "warning",
});
