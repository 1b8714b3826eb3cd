import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

/** Bundles the programs of the bench as the product is bundled, with the store's worker beside them. */
export async function bundle(directory: string): Promise<void> {
  const root = join(import.meta.dirname, "../..");
  await writeFile(join(directory, "package.json"), '{"type":"module"}');
  await build({
    absWorkingDir: root,
    entryPoints: {
      // Not run here: it makes the same chunks of what the programs share as in the product.
      knarr: "src/cli/main.ts",
      "knarr-server": "bench/apiserver/knarr-server.ts",
      "bare-server": "bench/apiserver/bare-server.ts",
      "bare-store": "bench/apiserver/bare-store.ts",
      "store-worker": "src/store/embedded/worker.ts",
    },
    outdir: directory,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true,
    banner: {
      js: 'import { createRequire as knarrRequire } from "node:module"; const require = knarrRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}
