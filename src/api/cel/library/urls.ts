import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { Fault, LibraryValue, ListValue, MapValue } from "../values.ts";

interface Parts {
  readonly scheme: string;
  /** With brackets and port, as written. */
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

class UrlValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.url!.name;
  readonly text: string;
  readonly parts: Parts;
  constructor(text: string, parts: Parts) {
    super();
    this.text = text;
    this.parts = parts;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof UrlValue && this.text === other.text;
  }
  override toJson(): string {
    return this.text;
  }
}

const fail = (text: string, why: string): Fault =>
  new Fault(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${why}`);

/** An absolute URI or an absolute path, as Go's url.ParseRequestURI takes it. */
function parse(text: string): UrlValue {
  if (text === "") throw fail(text, "empty url");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  if (/[\x00-\x1f\x7f]/.test(text)) throw fail(text, "net/url: invalid control character in URL");
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text);
  let rest = scheme ? text.slice(scheme[0].length) : text;
  if (!scheme && /^:/.test(text)) throw fail(text, "missing protocol scheme");
  const [before, ...after] = rest.split("?");
  rest = before!;
  const query = after.join("?");
  if (!rest.startsWith("/")) {
    if (scheme && rest !== "") {
      return new UrlValue(text, { scheme: scheme[1]!.toLowerCase(), host: "", path: "", query });
    }
    throw fail(text, "invalid URI for request");
  }
  let host = "";
  let path = rest;
  if (scheme && rest.startsWith("//")) {
    const slash = rest.indexOf("/", 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    path = slash < 0 ? "" : rest.slice(slash);
    host = authority.slice(authority.lastIndexOf("@") + 1);
    const port = /^\[[^\]]*\](.*)$/.exec(host)?.[1] ?? /:.*$/.exec(host)?.[0] ?? "";
    if (host.startsWith("[") && !host.includes("]")) throw fail(text, "missing ']' in host");
    if (port !== "" && !/^:\d*$/.test(port)) throw fail(text, `invalid port ${JSON.stringify(port)} after host`);
    if (/[ "<>\\^`{|}]/.test(host))
      throw fail(text, `invalid character ${JSON.stringify(/[ "<>\\^`{|}]/.exec(host)![0])} in host name`);
  }
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path);
  if (broken) throw fail(text, `invalid URL escape ${JSON.stringify(broken[0])}`);
  return new UrlValue(text, { scheme: scheme ? scheme[1]!.toLowerCase() : "", host, path, query });
}

/** The path with what must be escaped escaped, and what is escaped left so. */
const escapedPath = (path: string): string =>
  path.replace(/%[0-9a-fA-F]{2}|[^A-Za-z0-9\-_.~$&+,/:;=@!'()*]+/gu, (part) =>
    /^%[0-9a-fA-F]{2}$/.test(part) ? part : encodeURIComponent(part),
  );

function hostname(host: string): string {
  if (host.startsWith("[")) return host.slice(1, host.indexOf("]"));
  return host.replace(/:\d*$/, "");
}

function queryMap(query: string): MapValue {
  const values = new Map<string, string[]>();
  for (const pair of query.split("&")) {
    if (pair === "" || pair.includes(";")) continue;
    const equals = pair.indexOf("=");
    try {
      const [key, value] = [equals < 0 ? pair : pair.slice(0, equals), equals < 0 ? "" : pair.slice(equals + 1)].map(
        (part) => decodeURIComponent(part.replaceAll("+", " ")),
      ) as [string, string];
      values.set(key, [...(values.get(key) ?? []), value]);
    } catch {
      // As in Go: what cannot be decoded is left out.
    }
  }
  return MapValue.of([...values].map(([key, list]) => [key, new ListValue(list)] as const));
}

/** Kubernetes' URLs. */
export const urls: Library = {
  "url(string): url": parse,
  "isURL(string): bool": (text: string) => {
    try {
      parse(text);
      return true;
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  },
  "url -> getScheme(): string": ({ parts }: UrlValue) => parts.scheme,
  "url -> getHost(): string": ({ parts }: UrlValue) => parts.host,
  "url -> getHostname(): string": ({ parts }: UrlValue) => hostname(parts.host),
  "url -> getPort(): string": ({ parts }: UrlValue) => /:(\d*)$/.exec(parts.host.replace(/^\[.*\]/, ""))?.[1] ?? "",
  "url -> getEscapedPath(): string": ({ parts }: UrlValue) => escapedPath(parts.path),
  "url -> getQuery(): map(string, list(string))": ({ parts }: UrlValue) => queryMap(parts.query),
};
