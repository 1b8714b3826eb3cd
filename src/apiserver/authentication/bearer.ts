import type { UserInfo } from "../../api/user.ts";
import type { Authenticator, Credentials } from "../authentication.ts";
import { BEARER_PROTOCOL } from "../http/web-socket.ts";
import { rejection } from "./rejection.ts";

/** Establishes whom a bearer token speaks for. */
export interface TokenAuthenticator {
  /**
   * `audiences` are those that the token is presented to: it must be meant for one of them. Undefined: not a token of
   * mine. Throws an Error that says why where it is mine but not valid.
   */
  authenticateToken(token: string, audiences: readonly string[]): Promise<TokenUser | undefined>;
}

export interface TokenUser {
  readonly user: UserInfo;
  /** Those of the audiences presented to that the token is meant for. */
  readonly audiences: readonly string[];
}

/** Asks one after the other; the first that knows the token decides. Throws the errors of all where none accepts it. */
export function tokenUnion(authenticators: readonly TokenAuthenticator[]): TokenAuthenticator {
  return {
    async authenticateToken(token, audiences) {
      const errors: unknown[] = [];
      for (const authenticator of authenticators) {
        try {
          const found = await authenticator.authenticateToken(token, audiences);
          if (found) return found;
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length === 1) throw errors[0];
      if (errors.length > 1) {
        throw new Error(`[${errors.map((error) => (error as Error).message).join(", ")}]`, { cause: errors });
      }
      return undefined;
    },
  };
}

/**
 * Users by `Authorization: Bearer`, or by a WebSocket subprotocol that carries the token, as browsers must send it. A
 * token that nobody accepts is a 401 whose cause says why; the client is not told.
 */
export function bearerAuthenticator(tokens: TokenAuthenticator, audiences: readonly string[]): Authenticator {
  return {
    async authenticate(credentials) {
      const token = bearerToken(credentials);
      if (!token) return undefined;
      const found = await tokens.authenticateToken(token, audiences).catch((error: unknown) => {
        throw rejection(error);
      });
      if (!found) throw rejection("invalid bearer token");
      return found.user;
    },
  };
}

function bearerToken({ headers }: Credentials): string | undefined {
  const [scheme, token] = first(headers.authorization)?.trim().split(/ +/) ?? [];
  if (scheme?.toLowerCase() === "bearer" && token) return token;
  if (first(headers.upgrade)?.toLowerCase() !== "websocket") return undefined;
  const offered = [headers["sec-websocket-protocol"] ?? []].flat().flatMap((line) => line.split(","));
  const carrier = offered.map((name) => name.trim()).find((name) => name.startsWith(BEARER_PROTOCOL));
  return carrier && Buffer.from(carrier.slice(BEARER_PROTOCOL.length), "base64url").toString("utf8");
}

const first = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
