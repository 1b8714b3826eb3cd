import type { UserInfo } from "../api/user.ts";

/** What authentication may look at. */
export interface Credentials {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The client's certificate in DER, only where the TLS layer has verified it against the client CA. */
  readonly certificate?: Uint8Array;
  /** The same, where it was verified against the CA of authenticating proxies. */
  readonly proxyCertificate?: Uint8Array;
  /** The path of the request, percent-decoded. */
  readonly path?: string;
}

/** Establishes who makes a request. Undefined: these credentials are not mine. Throws a 401 StatusError where they are mine but bad. */
export interface Authenticator {
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}
