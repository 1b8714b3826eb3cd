/**
 * Gathers the descriptions of the API's types and fields from the declarations of kubernetes-models, which are made from
 * upstream's OpenAPI documents: `struct name` → the type's own text, and the texts of its fields. Written beside the
 * bundle, so that no text of upstream's is in this repository.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DescriptionTable } from "../src/apiserver/openapi/descriptions.ts";

const PACKAGES = ["kubernetes-models", "@kubernetes-models/apimachinery"];

/** What is found in `modules`, the folder of the packages. Throws where there is nothing. */
export function gatherDescriptions(modules: string): DescriptionTable {
  const types: Record<string, [text: string, fields: Record<string, string>]> = {};
  for (const name of PACKAGES) {
    const folder = join(modules, name);
    for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      if (path.startsWith("_schemas") || !path.endsWith(".d.ts")) continue;
      const text = readFileSync(join(folder, path), "utf8");
      // `export type { IPod as IIoK8sApiCoreV1Pod, Pod as IoK8sApiCoreV1Pod };`
      const id = /export type \{.* as I(IoK8s\w+)[,\s}]/.exec(text)?.[1];
      if (id) types[id] = [typeText(text), fieldTexts(text)];
    }
  }
  if (Object.keys(types).length === 0) throw new Error(`no declarations in ${modules}`);
  const digest = createHash("sha256").update(JSON.stringify(types)).digest("hex").slice(0, 16);
  return { digest, types, typeMeta: typeMetaTexts(types) };
}

const COMMENT = String.raw`\/\*\*\n((?:\s*\*(?!\/)[^\n]*\n)+)\s*\*\/\n`;

function typeText(text: string): string {
  const found = new RegExp(`^${COMMENT}export (?:interface|type) I`, "m").exec(text);
  return found ? plain(found[1]!) : "";
}

function fieldTexts(text: string): Record<string, string> {
  const body = /^export interface I[^{]*\{\n([\s\S]*?)^\}/m.exec(text)?.[1] ?? "";
  const fields: Record<string, string> = {};
  for (const [, comment, name] of body.matchAll(new RegExp(`^ {4}${COMMENT} {4}"([^"]+)"`, "gm"))) {
    fields[name!] = plain(comment!);
  }
  return fields;
}

/** The text of a comment's lines. */
function plain(comment: string): string {
  const lines = comment.trimEnd().split("\n");
  return lines
    .map((line) => line.replace(/^\s*\* ?/, ""))
    .join("\n")
    .replaceAll("*\\/", "*/")
    .replaceAll("\\*", "*")
    .trim();
}

/** The declarations of objects leave apiVersion and kind out, which say the same everywhere. */
function typeMetaTexts(types: DescriptionTable["types"]): Readonly<Record<string, string>> {
  const { apiVersion = "", kind = "" } = types["IoK8sApimachineryPkgApisMetaV1DeleteOptions"]?.[1] ?? {};
  return { apiVersion, kind };
}
