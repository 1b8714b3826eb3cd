import { apiVersionOf, parseApiVersion } from "../../api/object.ts";
import type { APIResourceList } from "../../api/types/meta.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { runControllerLoop } from "../../client/controller-loop.ts";
import { workQueue } from "../../client/rate-limited-queue.ts";
import { exponentialPerItem } from "../../client/rate-limiter.ts";
import type { ApiServices, RemoteApi } from "./api-services.ts";
import { AGGREGATOR } from "./availability-check.ts";
import type { RemoteOpenApi } from "./remote-openapi.ts";

/** A group version in the aggregated document (apidiscovery.k8s.io APIVersionDiscovery). */
export interface RemoteVersion {
  readonly resources: readonly object[];
  readonly freshness: "Current" | "Stale";
}

const TIMEOUT_MS = 5_000;
const RETRY_BASE_MS = 500;
/** Upstream's interval: an extension server may serve other resources without telling. */
const REFRESH_MS = 60_000;
const AGGREGATED = ["v2", "v2beta1"]
  .map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`)
  .join(",");

interface GroupDiscoveryList {
  items?: { metadata?: { name?: string }; versions?: { version: string; resources?: object[] }[] }[];
}

/** What extension servers serve: their resources for the aggregated document, and their OpenAPI. Asked when an APIService changes, and every minute. */
export class RemoteDiscovery {
  readonly #apiServices: ApiServices;
  readonly #versions = new Map<string, RemoteVersion>();
  readonly #openApi: RemoteOpenApi;
  readonly #onChange: () => void;

  constructor(apiServices: ApiServices, openApi: RemoteOpenApi, onChange: () => void) {
    this.#apiServices = apiServices;
    this.#openApi = openApi;
    this.#onChange = onChange;
  }

  /** Of the APIService of this name; nothing is known before the first answer. */
  version(name: string): RemoteVersion {
    return this.#versions.get(name) ?? { resources: [], freshness: "Stale" };
  }

  /** Runs until `signal` is aborted. */
  async run({ clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal }): Promise<void> {
    const queue = workQueue({ clock, rateLimiter: exponentialPerItem<string>(RETRY_BASE_MS, REFRESH_MS) });
    this.#apiServices.onChange((name) => queue.add(name));
    for (const name of this.#apiServices.remote.keys()) queue.add(name);
    await runControllerLoop({
      name: "remote-discovery",
      queue,
      clock,
      logger,
      signal,
      workers: 2,
      reconcile: async (name) => {
        const remote = this.#apiServices.remote.get(name);
        if (!remote) {
          this.#openApi.forget(name);
          if (this.#versions.delete(name)) this.#onChange();
          return undefined;
        }
        try {
          this.#put(name, { resources: await resourcesOf(remote), freshness: "Current" });
          await this.#openApi.refresh(name, remote);
        } catch (error) {
          this.#put(name, { ...this.version(name), freshness: "Stale" });
          // Its availability is watched elsewhere, and a change of that brings the key back.
          if (remote.available) throw error;
        }
        return { requeueAfterMs: REFRESH_MS };
      },
    });
  }

  #put(name: string, version: RemoteVersion): void {
    if (JSON.stringify(this.#versions.get(name)) === JSON.stringify(version)) return;
    this.#versions.set(name, version);
    this.#onChange();
  }
}

/** The resources of one group version: from the server's aggregated document, or else from its plain one. */
async function resourcesOf({ group, version, server }: RemoteApi): Promise<readonly object[]> {
  const asked = { user: AGGREGATOR, timeoutMs: TIMEOUT_MS };
  const { answer } = await server.get("/apis", { ...asked, accept: AGGREGATED });
  if (answer.status === 503) throw new Error(`service ${server.service} returned non-success response code: 503`);
  if (answer.status === 200 && answer.contentType.includes("as=APIGroupDiscoveryList")) {
    const list = JSON.parse(answer.body) as GroupDiscoveryList;
    const versions = list.items?.find(({ metadata }) => metadata?.name === group)?.versions;
    return versions?.find((one) => one.version === version)?.resources ?? [];
  }
  const path = group === "" ? `/api/${version}` : `/apis/${apiVersionOf({ group, version })}`;
  const plain = await server.get(path, asked);
  if (plain.answer.status !== 200) {
    throw new Error(`failed to download legacy discovery for ${path}: ${plain.answer.status}`);
  }
  return convertedResources(JSON.parse(plain.answer.body) as APIResourceList);
}

interface ConvertedResource {
  readonly resource: string;
  readonly subresources?: readonly object[];
  readonly [field: string]: unknown;
}

/** A plain list of resources in the form of the aggregated document. Pure. */
export function convertedResources({ groupVersion, resources = [] }: APIResourceList): object[] {
  const own = parseApiVersion(groupVersion);
  const kindOf = (one: { group?: string; version?: string; kind: string }) => ({
    group: one.group ?? own.group,
    version: one.version ?? own.version,
    kind: one.kind,
  });
  const converted = new Map<string, ConvertedResource>();
  for (const one of resources) {
    const [name = "", below] = one.name.split("/");
    const scope = one.namespaced ? "Namespaced" : "Cluster";
    if (below === undefined) {
      converted.set(name, {
        ...{ resource: name, responseKind: kindOf(one), scope, singularResource: one.singularName, verbs: one.verbs },
        ...(one.shortNames?.length ? { shortNames: one.shortNames } : {}),
        ...(one.categories?.length ? { categories: one.categories } : {}),
      });
      continue;
    }
    // A subresource may be served without its resource.
    const unknown = { resource: name, responseKind: { group: "", version: "", kind: "" }, scope, verbs: [] };
    const parent: ConvertedResource = converted.get(name) ?? unknown;
    const subresource = { subresource: below, responseKind: kindOf(one), verbs: one.verbs };
    converted.set(name, { ...parent, subresources: [...(parent.subresources ?? []), subresource] });
  }
  return [...converted.values()];
}
