import type { UserInfo } from "../api/user.ts";

/** What authentication may look at. */
export interface Credentials {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The client's certificate in DER, only where the TLS layer has verified it against the client CA. */
  readonly certificate?: Uint8Array;
}

/** Establishes who makes a request. Undefined: these credentials are not mine. Throws a 401 StatusError where they are mine but bad. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}
