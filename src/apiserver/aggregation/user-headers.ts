import type { OutgoingHttpHeaders } from "node:http";
import type { UserInfo } from "../../api/user.ts";

const OWN = /^x-remote-(user|uid|group|extra-.*)$/;
/** What may stand in a header's name as it is (RFC 7230's tchar), apart from the percent sign that escapes the rest. */
const ESCAPED = /[^!#$&'*+\-.^_`|~0-9A-Za-z]/g;

/**
 * Tells an extension server who makes a request, by upstream's default request headers: it believes them as they come
 * with the front proxy's certificate. What a client sent under these names does not pass.
 */
export function setUserHeaders(headers: OutgoingHttpHeaders, user: UserInfo): void {
  for (const name of Object.keys(headers)) if (OWN.test(name)) delete headers[name];
  headers["x-remote-user"] = octets(user.name);
  if (user.uid) headers["x-remote-uid"] = octets(user.uid);
  if (user.groups.length > 0) headers["x-remote-group"] = user.groups.map(octets);
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    headers[`x-remote-extra-${escapeKey(key)}`] = values.map(octets);
  }
}

/** UTF-8, one character for each byte, which is how Node writes headers. */
const octets = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

const escapeKey = (key: string) =>
  octets(key.toLowerCase()).replace(ESCAPED, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
