import type { Reply } from "../http/exchange.ts";

/** All warnings together are cut to about this many characters, as header space is limited. */
const TOTAL_CHARACTERS = 4096;
/** Where they would be more, each is cut to this. */
const SHORT_CHARACTERS = 256;

/** The reply with a Warning header (RFC 7234, code 299) for each different text. */
export function withWarnings(reply: Reply, warnings: readonly string[]): Reply {
  if (warnings.length === 0 || reply.upgrade) return reply;
  const texts = [...new Set(warnings)].filter((text) => text !== "");
  const long = texts.reduce((sum, text) => sum + text.length, 0) > TOTAL_CHARACTERS;
  const headers: string[] = [];
  let total = 0;
  for (const text of texts) {
    const shown = long ? text.slice(0, SHORT_CHARACTERS) : text;
    total += shown.length;
    if (total > TOTAL_CHARACTERS) break;
    headers.push(`299 - "${printable(shown)}"`);
  }
  return { ...reply, headers: { ...reply.headers, warning: headers } };
}

/** A quoted string of a header: no control characters, and nothing beyond Latin-1. */
function printable(text: string): string {
  return text
    .replace(/\p{Cc}/gu, " ")
    .replace(/[^\u0020-\u00ff]/g, "?")
    .replace(/["\\]/g, "\\$&");
}
