import type { Clock } from "../base/clock.ts";
import type { Filter } from "./filters/context.ts";
import type { PathRoute } from "./generic-paths.ts";
import { acceptedTypes, covers, noneAcceptable } from "./http/accept.ts";
import type { ApiRequest, Reply } from "./http/exchange.ts";
import { jsonReply, textReply } from "./http/status-reply.ts";
import { versionInfo } from "./version.ts";

const COMPONENT = "kube-apiserver";
const GROUP = "config.k8s.io";
/** The older of them is deprecated. */
const VERSIONS = ["v1alpha1", "v1beta1"];
const SERVED = ["text/plain", "application/json"];
const HEADER = (page: string) =>
  `\n${COMPONENT} ${page}\nWarning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.\n`;
/** Not told of: they are for programs. */
const NOT_FOR_DEBUGGING = new Set(["/apis", "/api", "/openid", "/openapi", "/.well-known"]);

/** `/statusz` and, where the flags are known, `/flagz`: KEP-4827 and KEP-4828, on by default since 1.36. */
export function zPages(options: {
  clock: Clock;
  startTimeSeconds: () => number;
  paths: () => readonly string[];
  /** Values as text, by name; secrets are the caller's to leave out. */
  flags?: Readonly<Record<string, string>>;
}): PathRoute[] {
  const { clock, flags } = options;
  const status = () => {
    const startTime = options.startTimeSeconds();
    const { gitVersion, major, minor, goVersion } = versionInfo();
    return {
      startTime: new Date(startTime * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      uptimeSeconds: Math.max(0, Math.floor(clock.now() / 1000 - startTime)),
      goVersion,
      binaryVersion: gitVersion.replace(/^v|\+.*$/g, ""),
      emulationVersion: `${major}.${minor}`,
      paths: folders(options.paths()),
    };
  };
  const routes: PathRoute[] = [
    {
      path: "/statusz",
      serve: async ({ request, responseHeaders }) =>
        page(request, responseHeaders, "Statusz", status(), () => {
          const { startTime, uptimeSeconds, goVersion, binaryVersion, emulationVersion, paths } = status();
          const lines = [
            `Started: ${startTime}`,
            `Up: ${uptimeSeconds} s`,
            `Go version: ${goVersion}`,
            `Binary version: ${binaryVersion}`,
            `Emulation version: ${emulationVersion}`,
            `Paths: ${paths.join(" ")}`,
          ];
          return `${HEADER("statusz")}\n${lines.join("\n")}\n`;
        }),
    },
  ];
  if (flags) {
    const names = Object.keys(flags).sort();
    routes.push({
      path: "/flagz",
      serve: async ({ request, responseHeaders }) =>
        page(
          request,
          responseHeaders,
          "Flagz",
          { flags },
          () => `${HEADER("flagz")}${names.map((name) => `${name}=${flags[name]}\n`).join("")}`,
        ),
    });
  }
  return routes;
}

type Headers = Parameters<Filter>[0]["responseHeaders"];

/** Text for people, or where it is asked for by kind and version, an object. */
function page(request: ApiRequest, headers: Headers, kind: string, fields: object, text: () => string): Reply {
  for (const range of acceptedTypes(request)) {
    const { as, g: group, v: version = "" } = range.parameters;
    if (as === undefined && covers(range, "text/plain")) return textReply(200, text());
    if (as !== kind || group !== GROUP || !VERSIONS.includes(version)) continue;
    const object = { kind, apiVersion: `${GROUP}/${version}`, metadata: { name: COMPONENT }, ...fields };
    if (version === VERSIONS[0]) {
      const endpoint = kind.toLowerCase();
      headers["warning"] =
        `299 - "This version of the ${endpoint} endpoint is deprecated. Please use a newer version."`;
    }
    if (covers(range, "application/json")) return jsonReply(200, object);
  }
  throw noneAcceptable(SERVED);
}

/** The first parts of the paths, each once. */
function folders(paths: readonly string[]): string[] {
  const found = new Set(paths.map((path) => `/${path.split("/")[1] ?? ""}`));
  return [...found].filter((folder) => folder !== "/" && !NOT_FOR_DEBUGGING.has(folder)).sort();
}
