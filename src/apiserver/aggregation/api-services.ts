import { apiServices } from "../../api/resource-types.ts";
import type { APIService } from "../../api/types/apiregistration.v1.ts";
import type { Following, Lookup } from "../lookup.ts";
import { RemoteServer, type RemoteServices } from "./remote-server.ts";

/** An APIService whose requests another server answers. */
export interface RemoteApi {
  readonly apiService: APIService;
  readonly group: string;
  readonly version: string;
  readonly server: RemoteServer;
  readonly available: boolean;
}

/** The APIServices as the watch cache has them; those of other servers each with a way to reach it. */
export class ApiServices {
  readonly #lookup: Lookup;
  readonly #services: RemoteServices | undefined;
  readonly #all = new Map<string, APIService>();
  readonly #remote = new Map<string, RemoteApi>();
  readonly #listeners: ((name: string) => void)[] = [];
  #following: Following | undefined;

  constructor(lookup: Lookup, services: RemoteServices | undefined) {
    this.#lookup = lookup;
    this.#services = services;
  }

  /** By name. */
  get all(): ReadonlyMap<string, APIService> {
    return this.#all;
  }

  /** Those that other servers answer, by name. */
  get remote(): ReadonlyMap<string, RemoteApi> {
    return this.#remote;
  }

  /** The other server that answers a group version, if one does. */
  remoteOf(group: string, version: string): RemoteApi | undefined {
    return this.#remote.size === 0 ? undefined : this.#remote.get(`${version}.${group}`);
  }

  /** Calls `listener` with the name of each APIService that comes, changes or goes. */
  onChange(listener: (name: string) => void): void {
    this.#listeners.push(listener);
  }

  async start(): Promise<void> {
    this.#following = await this.#lookup.follow(apiServices, {
      put: (apiService, name) => this.#put(name, apiService),
      remove: (name) => this.#remove(name),
    });
  }

  stop(): void {
    this.#following?.stop();
    for (const { server } of this.#remote.values()) server.close();
  }

  #put(name: string, apiService: APIService): void {
    const before = this.#remote.get(name);
    this.#all.set(name, apiService);
    const { spec, status } = apiService;
    if (spec?.service) {
      const same = before && JSON.stringify(before.apiService.spec) === JSON.stringify(spec);
      if (before && !same) before.server.close();
      this.#remote.set(name, {
        apiService,
        group: spec.group ?? "",
        version: spec.version ?? "",
        server: same ? before.server : new RemoteServer(spec, this.#services),
        available: status?.conditions?.some((one) => one.type === "Available" && one.status === "True") ?? false,
      });
    } else {
      before?.server.close();
      this.#remote.delete(name);
    }
    for (const listener of this.#listeners) listener(name);
  }

  #remove(name: string): void {
    this.#remote.get(name)?.server.close();
    this.#remote.delete(name);
    this.#all.delete(name);
    for (const listener of this.#listeners) listener(name);
  }
}
