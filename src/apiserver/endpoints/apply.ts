import { applyPatch } from "../../api/apply/apply.ts";
import { parseConfiguration } from "../../api/apply/configuration.ts";
import type { UnknownObject } from "../../api/object.ts";
import { badRequest, notFound } from "../../api/status-error.ts";
import { cloneJson } from "../../base/clone.ts";
import type { Reply } from "../http/exchange.ts";
import { restrictToPart } from "../registry/parts.ts";
import { MAX_BODY_BYTES } from "./decode-body.ts";
import { setOwners } from "./field-owners.ts";
import { encodingFor, objectReply, type ResourceRequest } from "./resource-request.ts";
import { checkName } from "./update.ts";
import { type WriteOptions, writeOptions } from "./write-options.ts";

export const APPLY_MEDIA_TYPES: readonly string[] = ["application/apply-patch+yaml"];

/** PATCH by server-side apply: creates the object where it does not exist. */
export async function applyObject(request: ResourceRequest): Promise<Reply> {
  const { resource, namespace, name, subresource } = request;
  const { definition } = resource;
  const encoding = await encodingFor(request, "one");
  const options = writeOptions(request, "PatchOptions", true);
  const applied = ownPart(await readConfiguration(request, options), subresource?.name, definition.hasStatus ?? false);
  checkName(applied, name);
  const { object, created } = await resource.registry.update(
    name,
    namespace,
    (current) => {
      if (!current && subresource) throw notFound(resource.subject, name);
      const merged = applyTo(request, current, applied, options);
      if (current) restrictToPart(merged, current, subresource?.name, definition.hasStatus ?? false);
      return merged;
    },
    options.write,
    { create: subresource === undefined },
  );
  return objectReply(request, object, created ? 201 : 200, encoding);
}

/** What comes of applying a configuration (in the version of the request) to a stored object: a private copy to store. */
export function applyTo(
  request: ResourceRequest,
  current: UnknownObject | undefined,
  applied: UnknownObject,
  options: WriteOptions,
): UnknownObject {
  const { resource, subresource, services } = request;
  const { object, managedFields } = applyPatch({
    live: current && resource.show(current),
    applied,
    manager: options.manager,
    force: options.force,
    expected: resource.expected,
    subresource: subresource?.name,
    now: services.clock.now(),
  });
  const merged = resource.toStorage(cloneJson(object));
  resource.definition.defaults?.(merged);
  setOwners(merged, managedFields);
  return merged;
}

/** The configuration in the body: YAML, of which JSON is a part. Throws a 400. */
export async function readConfiguration(request: ResourceRequest, options: WriteOptions): Promise<UnknownObject> {
  const body = await request.context.request.body.read(MAX_BODY_BYTES);
  await request.context.audit?.requestPatch(body);
  const { applied, strictError } = await parseConfiguration(body);
  if (strictError && options.fieldValidation === "Strict") {
    throw badRequest(`error strict decoding YAML: ${strictError}`);
  }
  if (strictError && options.fieldValidation === "Warn") options.write.warn(strictError);
  return applied;
}

/** The configuration without what this path does not write: nobody can own that through it. */
function ownPart(applied: UnknownObject, subresource: string | undefined, hasStatus: boolean): UnknownObject {
  const { apiVersion, kind, metadata, status, ...rest } = applied;
  if (subresource === "status") {
    return { apiVersion, kind, metadata: { ...metadata }, ...(status === undefined ? {} : { status }) };
  }
  const part = { apiVersion, kind, metadata: { ...metadata }, ...rest };
  return hasStatus || status === undefined ? part : { ...part, status };
}
