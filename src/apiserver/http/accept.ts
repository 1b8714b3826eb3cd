import { notAcceptable } from "../../api/status-error.ts";
import { type ApiRequest, headerValues } from "./exchange.ts";

/** A media type that a client accepts or sends: `application/json;as=Table;g=meta.k8s.io;v=v1`. */
export interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly quality: number;
}

/** Splits a media type with its parameters; names are lower-cased, quotes taken off. */
export function parseMediaType(text: string): MediaRange {
  const [essence = "", ...rest] = text.split(";");
  const [type = "", subtype = ""] = essence.trim().toLowerCase().split("/");
  const parameters: Record<string, string> = {};
  let quality = 1;
  for (const part of rest) {
    const equals = part.indexOf("=");
    const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase();
    const value =
      equals < 0
        ? ""
        : part
            .slice(equals + 1)
            .trim()
            .replace(/^"|"$/g, "");
    if (name === "q") quality = Number(value) || 0;
    else if (name !== "") parameters[name] = value;
  }
  return { type, subtype, parameters, quality };
}

const parsed = new Map<string, readonly MediaRange[]>();
/** Clients send a handful of different Accept headers, again and again. */
const REMEMBERED = 256;

/** What the request accepts, the best first; everything where it does not say. */
export function acceptedTypes(request: Pick<ApiRequest, "headers">): readonly MediaRange[] {
  const text = headerValues(request, "accept").join(",");
  let ranges = parsed.get(text);
  if (!ranges) {
    const all = text.split(",").filter((one) => one.trim() !== "");
    ranges = (all.length === 0 ? ["*/*"] : all).map(parseMediaType).filter(({ quality }) => quality > 0);
    ranges = [...ranges].sort((a, b) => b.quality - a.quality);
    if (parsed.size >= REMEMBERED) parsed.clear();
    parsed.set(text, ranges);
  }
  return ranges;
}

/** Whether a range covers a concrete media type. */
export function covers(range: MediaRange, mediaType: string): boolean {
  if (range.type === "*") return range.subtype === "*";
  if (range.subtype === "*") return mediaType.startsWith(`${range.type}/`);
  return mediaType === `${range.type}/${range.subtype}`;
}

export function noneAcceptable(served: readonly string[]) {
  return notAcceptable(`only the following media types are accepted: ${served.join(", ")}`);
}

const PRETTY_AGENTS = /^(curl|Wget|Mozilla\/5\.0)/;

/** Whether JSON should be indented: where asked for, and for people's own tools unless they ask not to. */
export function wantsPretty(request: Pick<ApiRequest, "headers" | "query">): boolean {
  const asked = request.query.get("pretty");
  if (asked !== null) return asked !== "0" && asked.toLowerCase() !== "false";
  return PRETTY_AGENTS.test(String(request.headers["user-agent"] ?? ""));
}
