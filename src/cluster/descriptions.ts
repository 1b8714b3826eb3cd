import type { DescriptionTable } from "../apiserver/openapi/descriptions.ts";
import type { Files } from "../base/files.ts";

/** Beside the bundle. Whoever runs from the sources sees what was bundled last, if anything. */
const FILE = new URL(
  import.meta.url.endsWith(".ts") ? "../../dist/descriptions.json" : "./descriptions.json",
  import.meta.url,
);

/** Reads the descriptions of the API's types and fields (scripts/descriptions.ts); undefined where there are none. */
export async function readDescriptions(files: Files): Promise<DescriptionTable | undefined> {
  try {
    return JSON.parse(await files.readFile(FILE, "utf8")) as DescriptionTable;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
