import type { RequestHeaders } from "./exchange.ts";

/** Headers that may come several times, each with a value of its own: Node joins them with commas, which values may contain. */
const REPEATED = /^(impersonate-group|impersonate-extra-.*|sec-websocket-protocol|x-stream-protocol-version)$/;

/** An authenticating proxy names groups and extra values in headers of its own, whose names are a matter of configuration. */
const REPEATED_BY_PROXIES = new RegExp(`${REPEATED.source}|^x-`);

const FIRST_LETTERS = new Set([..."IiSsXx"].map((letter) => letter.charCodeAt(0)));

/** The headers with the values of those apart. `raw` has names and values by turns, as they came. */
export function withRepeatedHeaders(headers: RequestHeaders, raw: readonly string[], proxied = false): RequestHeaders {
  const repeated = proxied ? REPEATED_BY_PROXIES : REPEATED;
  let result: Record<string, string | string[] | undefined> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    // Most names are told apart by their first letter: I, S or X.
    if (!FIRST_LETTERS.has(raw[index]!.charCodeAt(0))) continue;
    const name = raw[index]!.toLowerCase();
    if (!repeated.test(name)) continue;
    result ??= { ...headers };
    const before = result[name];
    result[name] = Array.isArray(before) ? [...before, raw[index + 1]!] : [raw[index + 1]!];
  }
  return result ?? headers;
}
