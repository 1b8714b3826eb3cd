import { badRequest } from "../../api/status-error.ts";

/** Where the next page of a list begins: upstream's token, version `meta.k8s.io/v1`. */
export interface ContinuePoint {
  /** The revision of the first page; -1 to go on with whatever is there now. */
  revision: number;
  /** The key to begin at, after the prefix of the list. */
  start: string;
}

const VERSION = "meta.k8s.io/v1";

export function encodeContinue({ revision, start }: ContinuePoint): string {
  return Buffer.from(JSON.stringify({ v: VERSION, rv: revision, start })).toString("base64url");
}

/** Throws a 400 where the token is none of ours. */
export function decodeContinue(token: string): ContinuePoint {
  const invalid = (why: string) => badRequest(`invalid continue token: continue key is not valid: ${why}`);
  let parsed: { v?: unknown; rv?: unknown; start?: unknown } | null;
  try {
    parsed = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch (error) {
    throw invalid((error as Error).message);
  }
  const { v, rv, start } = parsed ?? {};
  if (v !== VERSION) throw invalid(`server does not recognize this encoded version ${JSON.stringify(v ?? "")}`);
  if (typeof rv !== "number" || !Number.isSafeInteger(rv) || rv === 0 || rv < -1) {
    throw invalid(`incorrect encoded start resourceVersion (version ${VERSION})`);
  }
  if (typeof start !== "string" || start === "") {
    throw invalid(`encoded start token is empty (version ${VERSION})`);
  }
  if (start.startsWith("/") || start.split("/").includes("..")) throw invalid(`${start}`);
  return { revision: rv, start };
}
