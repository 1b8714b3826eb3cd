import { apiVersionOf } from "../../api/object.ts";
import { pathNotFound } from "../../api/status-error.ts";
import type { Logger } from "../../base/logger.ts";
import type { RequestContext } from "../filters/context.ts";
import type { Reply } from "../http/exchange.ts";
import type { RemoteDocument, RemoteDocuments } from "../openapi/openapi.ts";
import type { ApiServices, RemoteApi } from "./api-services.ts";
import { AGGREGATOR } from "./availability-check.ts";

const TIMEOUT_MS = 5_000;

/** The OpenAPI documents of extension servers: what is in their indexes is remembered, the documents themselves are not. */
export class RemoteOpenApi implements RemoteDocuments {
  readonly #apiServices: ApiServices;
  readonly #logger: Logger;
  /** By APIService: its parts of version 3, with their addresses. */
  readonly #indexes = new Map<string, ReadonlyMap<string, string>>();

  constructor(apiServices: ApiServices, logger: Logger) {
    this.#apiServices = apiServices;
    this.#logger = logger;
  }

  get parts(): ReadonlyMap<string, string> {
    return new Map([...this.#indexes.values()].flatMap((index) => [...index]));
  }

  /** Reads the index of an extension server anew. A server without version 3 has none. */
  async refresh(name: string, { group, version, server }: RemoteApi): Promise<void> {
    const { answer } = await server.get("/openapi/v3", { user: AGGREGATOR, timeoutMs: TIMEOUT_MS });
    if (answer.status !== 200) {
      this.#indexes.delete(name);
      return;
    }
    const { paths = {} } = JSON.parse(answer.body) as { paths?: Record<string, { serverRelativeURL?: string }> };
    const own = new Set([`apis/${group}`, `apis/${apiVersionOf({ group, version })}`]);
    const entries = Object.entries(paths).filter(([part]) => own.has(part));
    this.#indexes.set(name, new Map(entries.map(([part, { serverRelativeURL = "" }]) => [part, serverRelativeURL])));
  }

  forget(name: string): void {
    this.#indexes.delete(name);
  }

  async forward(part: string, { request, user }: RequestContext): Promise<Reply> {
    for (const [name, index] of this.#indexes) {
      const remote = index.has(part) ? this.#apiServices.remote.get(name) : undefined;
      if (remote) return remote.server.forward(request, user);
    }
    throw pathNotFound();
  }

  /** One that can't be read is left out: the document of this server must not depend on it. */
  async v2(): Promise<RemoteDocument[]> {
    const available = [...this.#apiServices.remote.values()].filter(({ available }) => available);
    const read = available.map(async ({ group, version, server }): Promise<RemoteDocument[]> => {
      try {
        const { answer } = await server.get("/openapi/v2", { user: AGGREGATOR, timeoutMs: TIMEOUT_MS });
        if (answer.status !== 200) throw new Error(`the answer has status ${answer.status}`);
        const prefix = group === "" ? `/api/${version}/` : `/apis/${apiVersionOf({ group, version })}/`;
        return [{ prefix, document: JSON.parse(answer.body) as Record<string, unknown> }];
      } catch (error) {
        this.#logger.warn("the OpenAPI document of an extension server could not be read", { group, version, error });
        return [];
      }
    });
    return (await Promise.all(read)).flat();
  }
}
