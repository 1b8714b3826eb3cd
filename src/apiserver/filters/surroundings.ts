import type { Random } from "../../base/random.ts";
import { header } from "../http/exchange.ts";
import { textReply } from "../http/status-reply.ts";
import type { Filter } from "./context.ts";

const CORS_METHODS = "POST, GET, OPTIONS, PUT, DELETE, PATCH";
const CORS_HEADERS =
  "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since";

/** Lets pages of these origins (patterns of the Origin header) use the API from a browser. */
export function corsHeaders(origins: readonly RegExp[]): Filter {
  return async (context, next) => {
    const origin = header(context.request, "origin");
    if (!origin || !origins.some((pattern) => pattern.test(origin))) return next(context);
    Object.assign(context.responseHeaders, {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": CORS_METHODS,
      "access-control-allow-headers": CORS_HEADERS,
      "access-control-expose-headers": "Date",
      "access-control-allow-credentials": "true",
    });
    // What a browser asks before it sends the request proper.
    return context.request.method === "OPTIONS" ? { status: 204, headers: {} } : next(context);
  };
}

/** Tells browsers to come back over TLS only. */
export function strictTransportSecurity(directives: readonly string[]): Filter {
  const value = directives.join("; ");
  return (context, next) => {
    context.responseHeaders["strict-transport-security"] = value;
    return next(context);
  };
}

/** Makes a part of the HTTP/2 clients connect anew, so that they spread over servers behind a balancer. */
export function randomGoaway(chance: number, random: Random): Filter {
  return (context, next) => {
    if (context.request.protocol === "HTTP/2.0" && random.next() < chance) {
      context.responseHeaders["connection"] = "close";
    }
    return next(context);
  };
}

/** Still answered while the server sends others away. */
const NEVER_SENT_AWAY = ["/readyz", "/livez", "/healthz", "/metrics"];
const COME_BACK_SECONDS = "5";

/** While `isLeaving`, sends new requests away, to find another server. */
export function retryElsewhere(isLeaving: () => boolean): Filter {
  return async (context, next) => {
    const { request } = context;
    if (!isLeaving() || request.identity || NEVER_SENT_AWAY.some((path) => request.path.startsWith(path))) {
      return next(context);
    }
    const reply = textReply(429, "The apiserver is shutting down, please try again later.\n");
    return { ...reply, headers: { ...reply.headers, connection: "close", "retry-after": COME_BACK_SECONDS } };
  };
}
