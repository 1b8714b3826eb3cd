import type { UnknownObject } from "../api/object.ts";
import { notFound } from "../api/status-error.ts";
import { contentType } from "./encoding.ts";
import { encodingFor, type ResourceRequest } from "./endpoints/resource-request.ts";
import type { HealthCheck } from "./health.ts";
import type { Reply } from "./http/exchange.ts";
import { encodeList } from "./list-encoder.ts";
import { encodeObject } from "./object-encoder.ts";
import { detachedObject } from "./registry/detached-object.ts";
import type { Verbs } from "./resource-endpoints.ts";

/**
 * The old ComponentStatus resource, made up on each request from health checks under upstream's names. Schedulers and
 * controller managers are not among them: their leases tell more than this ever did.
 */
export function componentStatusEndpoints(checks: readonly HealthCheck[]): Verbs {
  const statusOf = async ({ name, check }: HealthCheck): Promise<UnknownObject> => {
    let condition: object;
    try {
      await check();
      condition = { type: "Healthy", status: "True", message: "ok" };
    } catch (error) {
      condition = { type: "Healthy", status: "False", message: (error as Error).message };
    }
    return { kind: "ComponentStatus", apiVersion: "v1", metadata: { name }, conditions: [condition] };
  };
  return {
    async get(request: ResourceRequest): Promise<Reply> {
      const options = await encodingFor(request, "one");
      const check = checks.find(({ name }) => name === request.name);
      if (!check) throw notFound(request.resource.subject, request.name);
      const body = encodeObject(request.resource, detachedObject(await statusOf(check)), options);
      return { status: 200, headers: { "content-type": contentType(options.encoding) }, body };
    },
    async list(request: ResourceRequest): Promise<Reply> {
      const options = await encodingFor(request, "many");
      const items = (await Promise.all(checks.map(statusOf))).map((status) => detachedObject(status));
      const body = await encodeList(request.resource, { items, resourceVersion: 0 }, options);
      return { status: 200, headers: { "content-type": contentType(options.encoding) }, body };
    },
  };
}
