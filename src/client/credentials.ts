import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";

/** What proves who the client is. A bearer token goes with each request, a certificate with each connection. */
export interface Credentials {
  /** PEM. */
  certificate?: string | Uint8Array;
  /** PEM. */
  key?: string | Uint8Array;
  token?: string;
  /** Read anew when older than a minute, as projected ServiceAccount tokens change. Wins over `token` once readable. */
  tokenFile?: string;
  /** Basic authentication; upstream servers no longer take it, proxies before them may. */
  username?: string;
  password?: string;
}

const TOKEN_FILE_FRESH_MS = 60_000;

/** Makes the Authorization header of requests; undefined where nothing but the certificate speaks for the client. */
export function authorization(
  credentials: Credentials,
  effects: { clock: Clock; files?: Files },
): () => Promise<string | undefined> {
  const { clock, files } = effects;
  const { token, tokenFile, username } = credentials;
  if (!tokenFile) {
    const fixed = token
      ? `Bearer ${token}`
      : username !== undefined
        ? `Basic ${Buffer.from(`${username}:${credentials.password ?? ""}`).toString("base64")}`
        : undefined;
    return async () => fixed;
  }
  if (!files) throw new TypeError("a token file needs the file system to be handed in");
  let current = token;
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (clock.monotonic() - readAt >= TOKEN_FILE_FRESH_MS) {
      try {
        current = (await files.readFile(tokenFile, "utf8")).trim();
        readAt = clock.monotonic();
      } catch (error) {
        // An old token may still be good: it is for the server to say.
        if (current === undefined) throw error;
      }
    }
    return current === undefined || current === "" ? undefined : `Bearer ${current}`;
  };
}
