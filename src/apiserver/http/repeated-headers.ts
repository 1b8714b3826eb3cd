import type { RequestHeaders } from "./exchange.ts";

/** Headers that may come several times, each with a value of its own: Node joins them with commas, which values may contain. */
const REPEATED = /^(impersonate-group|impersonate-extra-.*|sec-websocket-protocol|x-stream-protocol-version)$/;

/** The headers with the values of those apart. `raw` has names and values by turns, as they came. */
export function withRepeatedHeaders(headers: RequestHeaders, raw: readonly string[]): RequestHeaders {
  let result: Record<string, string | string[] | undefined> | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase();
    if (!REPEATED.test(name)) continue;
    result ??= { ...headers };
    const before = result[name];
    result[name] = Array.isArray(before) ? [...before, raw[index + 1]!] : [raw[index + 1]!];
  }
  return result ?? headers;
}
