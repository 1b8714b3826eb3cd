import type { Endpoint } from "./filters/context.ts";
import { jsonReply, pageNotFound } from "./http/status-reply.ts";

/** An endpoint at a path that is no resource. */
export interface PathRoute {
  /** `/version`; with `below`, also everything under it. */
  readonly path: string;
  readonly below?: boolean;
  /** Left out of the index. */
  readonly unlisted?: boolean;
  readonly serve: Endpoint;
}

/** Finds the route of a path; `/` itself lists them, as upstream's index does. */
export function pathRoutes(routes: readonly PathRoute[], paths: () => readonly string[]): Endpoint {
  const exact = new Map(routes.map((route) => [route.path, route]));
  const below = routes.filter((route) => route.below);
  return async (context) => {
    const { path } = context.request;
    const trimmed = path.length > 1 ? path.replace(/\/+$/, "") : path;
    const route = exact.get(trimmed) ?? below.find((one) => trimmed.startsWith(`${one.path}/`));
    if (route) return route.serve(context);
    if (trimmed === "/" || trimmed === "/index.html") return jsonReply(200, { paths: [...paths()].sort() });
    return pageNotFound();
  };
}
