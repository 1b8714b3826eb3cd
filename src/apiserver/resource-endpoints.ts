import { methodNotSupported, notImplemented, pathNotFound } from "../api/status-error.ts";
import { deprecationWarning } from "./deprecations.ts";
import { createObject } from "./endpoints/create.ts";
import { deleteCollection, deleteObject } from "./endpoints/delete.ts";
import { getObject } from "./endpoints/get.ts";
import { listObjects } from "./endpoints/list.ts";
import { patch } from "./endpoints/patch.ts";
import type { EndpointServices, ResourceRequest } from "./endpoints/resource-request.ts";
import { getScale, patchScale, updateScale } from "./endpoints/scale.ts";
import { updateObject } from "./endpoints/update.ts";
import { watchObjects } from "./endpoints/watch.ts";
import type { Endpoint } from "./filters/context.ts";
import type { Reply } from "./http/exchange.ts";
import { pageNotFound } from "./http/status-reply.ts";
import type { ResourceCatalogue } from "./resource-catalogue.ts";
import type { Subresource } from "./served-resource.ts";

export type ResourceEndpoint = (request: ResourceRequest) => Promise<Reply>;

/** Endpoints by verb. */
export type Verbs = Readonly<Record<string, ResourceEndpoint>>;

const OBJECT_VERBS: Verbs = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch,
  delete: deleteObject,
  deletecollection: deleteCollection,
};
/** Subresources that show the object itself and write a part of it. */
const PART_VERBS: Verbs = { get: getObject, update: updateObject, patch };
const SCALE_VERBS: Verbs = { get: getScale, update: updateScale, patch: patchScale };

/** What answers requests for a resource, chosen by what was found in the path. */
export function resourceEndpoints(options: {
  catalogue: ResourceCatalogue;
  services: EndpointServices;
  /** `resource.group/subresource` (or `resource.group`) → endpoints that replace the ordinary ones. */
  special: ReadonlyMap<string, Verbs>;
}): Endpoint {
  const { catalogue, services, special } = options;
  return async (context) => {
    const { info } = context;
    const resource = catalogue.find(info.group, info.version, info.resource);
    if (!resource) {
      // Whoever serves a group answers for all that is below it.
      if (info.group === "" || catalogue.groups.some(({ group }) => group === info.group)) throw pathNotFound();
      return pageNotFound();
    }
    const { type } = resource;
    const isNamespace = type.resource === "namespaces" && type.group === "";
    const namespace = isNamespace ? "" : info.namespace;
    // A cluster-scoped resource has no path below a namespace, and an object of a namespace has none beside it.
    if (!type.namespaced && namespace !== "") throw pathNotFound();
    const named = info.parts.length > 1;
    const subresource = info.subresource === "" ? undefined : resource.subresources.get(info.subresource);
    if (info.subresource !== "" && !subresource) throw pathNotFound();
    if (info.parts.length > 3 && subresource?.role !== "connect") throw pathNotFound();
    if (type.namespaced && namespace === "") {
      if (named) throw pathNotFound();
      if (info.verb !== "list" && info.verb !== "watch") throw methodNotSupported(resource.subject, info.verb);
    }
    // A path that begins with `watch` says the verb, but not to every method.
    if (info.verb === "watch" && context.request.method !== "GET")
      throw methodNotSupported(resource.subject, info.verb);
    // Collections are posted to, objects are put and patched.
    const misplaced = named ? info.verb === "create" && !subresource : info.verb === "update" || info.verb === "patch";
    if (misplaced) throw methodNotSupported(resource.subject, info.verb);
    const key = subresource ? `${type.resource}.${type.group}/${subresource.name}` : `${type.resource}.${type.group}`;
    const verbs = special.get(key) ?? ordinaryVerbs(subresource);
    const allowed = subresource ? subresource.verbs : resource.verbs;
    // OPTIONS is no verb of the API: only what passes requests on as they are has an endpoint for it.
    const verb = info.verb === "" ? context.request.method.toLowerCase() : info.verb;
    const served = allowed.includes(verb) || subresource?.methods.includes(verb);
    const endpoint = served ? verbs[verb] : undefined;
    if (!endpoint) throw methodNotSupported(resource.subject, info.verb);
    // The parts of this process need not be told.
    if (!context.request.identity) {
      const deprecated = deprecationWarning(type);
      if (deprecated) context.warnings.push(deprecated);
      if (resource.custom) context.warnings.push(...resource.custom.warnings);
    }
    const preparing = resource.custom?.prepare();
    if (preparing) await preparing;
    return endpoint({ context, resource, subresource, namespace, name: info.name, services });
  };
}

/** What serves a path that nobody serves specially. */
function ordinaryVerbs(subresource: Subresource | undefined): Verbs {
  switch (subresource?.role) {
    case undefined:
      return OBJECT_VERBS;
    case "scale":
      return SCALE_VERBS;
    case "part":
      return PART_VERBS;
    default:
      throw notImplemented(`this server is not set up to serve ${subresource!.name}`);
  }
}
