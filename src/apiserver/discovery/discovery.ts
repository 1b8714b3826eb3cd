import { createHash } from "node:crypto";
import { apiVersionOf } from "../../api/object.ts";
import type { ServedGroup } from "../../api/schema/served-resources.ts";
import { methodNotSupported, pathNotFound } from "../../api/status-error.ts";
import type { RemoteVersion } from "../aggregation/remote-discovery.ts";
import type { RequestContext } from "../filters/context.ts";
import { acceptedTypes, wantsPretty } from "../http/accept.ts";
import { type ApiRequest, header, type Reply } from "../http/exchange.ts";
import { JSON_CONTENT, pageNotFound } from "../http/status-reply.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import { groupDiscoveryList } from "./aggregated.ts";
import { apiGroup, apiGroupList, apiResourceList, apiVersions } from "./legacy.ts";

interface Document {
  readonly value: object;
  readonly contentType: string;
  readonly etag?: string;
  readonly bytes: Uint8Array;
}

/** What the documents tell of: the catalogue's groups, and those of other servers, in the order of their priorities. */
export interface DiscoverySource {
  /** Another one after each change. */
  readonly generation: string;
  groups(): readonly { readonly group: string; readonly versions: readonly string[] }[];
  /** What another server serves of a group version; undefined where this one serves it. */
  remote(group: string, version: string): RemoteVersion | undefined;
}

/**
 * The discovery documents below /api and /apis. Each is made on its first request and kept until something changes.
 * `serverAddress` gives `host:port`.
 */
export function discovery(
  catalogue: ResourceCatalogue,
  source: DiscoverySource,
  serverAddress: () => string,
): (context: RequestContext) => Promise<Reply> {
  const documents = new Map<string, Document>();
  let generation: string | undefined;
  let groups: readonly ServedGroup[] = [];
  let core: readonly ServedGroup[] = [];
  const refresh = () => {
    if (generation === source.generation) return;
    generation = source.generation;
    documents.clear();
    const all = source
      .groups()
      .map(({ group, versions }): ServedGroup => ({ group, versions, preferredVersion: versions[0]! }));
    groups = all.filter(({ group }) => group !== "");
    core = all.filter(({ group }) => group === "");
  };

  const aggregated = (root: string, version: "v2"): Document => {
    const value = groupDiscoveryList(catalogue, source, root === "/api" ? core : groups, version);
    const contentType = `${JSON_CONTENT};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
    const etag = `"${createHash("sha512").update(bytes).digest("hex").toUpperCase()}"`;
    return { value, contentType, etag, bytes };
  };
  const plain = (value: object | undefined): Document | undefined =>
    value && { value, contentType: JSON_CONTENT, bytes: Buffer.from(`${JSON.stringify(value)}\n`) };

  const legacy = (path: string): object | undefined => {
    const [root, first, second, ...rest] = path.split("/").filter((part) => part !== "");
    if (rest.length > 0) return undefined;
    if (root === "api") {
      if (first === undefined) return apiVersions(core[0]?.versions ?? [], serverAddress());
      return second === undefined ? resources("", first) : undefined;
    }
    if (first === undefined) return apiGroupList(groups);
    if (second !== undefined) return resources(first, second);
    const group = groups.find((one) => one.group === first);
    return group && apiGroup(group);
  };
  const resources = (group: string, version: string): object | undefined => {
    const found = catalogue.groupVersion(group, version);
    return found && apiResourceList(apiVersionOf({ group, version }), found);
  };

  return async ({ request, info }) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw methodNotSupported({ resource: "discovery" }, info.verb);
    }
    refresh();
    const path = request.path.replace(/\/+$/, "");
    const version = path === "/api" || path === "/apis" ? aggregatedVersion(request) : undefined;
    const key = `${path} ${version ?? ""}`;
    let document = documents.get(key);
    if (!document) {
      const made = version ? aggregated(path, version) : plain(legacy(path));
      if (!made) {
        const [root, group] = path.split("/").slice(1);
        if (root === "api" || groups.some((one) => one.group === group)) throw pathNotFound();
        return pageNotFound();
      }
      document = made;
      documents.set(key, document);
    }
    return documentReply(request, document);
  };
}

/** The version of the aggregated document, where the client prefers that to the plain one. */
function aggregatedVersion(request: ApiRequest): "v2" | undefined {
  for (const { type, subtype, parameters } of acceptedTypes(request)) {
    if (`${type}/${subtype}` !== JSON_CONTENT) {
      if (type === "*") return undefined;
      continue;
    }
    if (parameters["as"] === undefined) return undefined;
    if (parameters["as"] !== "APIGroupDiscoveryList" || parameters["g"] !== "apidiscovery.k8s.io") continue;
    if (parameters["v"] === "v2") return "v2";
  }
  return undefined;
}

function documentReply(request: ApiRequest, document: Document): Reply {
  const { contentType, etag, value } = document;
  const headers: Record<string, string> = { "content-type": contentType, vary: "Accept" };
  if (etag) {
    headers["etag"] = etag;
    if (header(request, "if-none-match") === etag) return { status: 304, headers };
  }
  const body = wantsPretty(request) ? Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`) : document.bytes;
  return { status: 200, headers, body };
}
