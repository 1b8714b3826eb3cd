import type { Decoded } from "../../api/codec/decode.ts";
import { PATCH_MEDIA_TYPES, type PatchType, patchObject } from "../../api/patch/patch.ts";
import { notFound } from "../../api/status-error.ts";
import { cloneJson } from "../../base/clone.ts";
import { parseMediaType } from "../http/accept.ts";
import { header, type Reply } from "../http/exchange.ts";
import { restrictToPart } from "../registry/parts.ts";
import { APPLY_MEDIA_TYPES, applyObject } from "./apply.ts";
import { MAX_BODY_BYTES, unsupported } from "./decode-body.ts";
import { trackOwners } from "./field-owners.ts";
import { encodingFor, objectReply, type ResourceRequest } from "./resource-request.ts";
import { writeOptions } from "./write-options.ts";

/** PATCH of an object, or of a part of it. Only a server-side apply creates what does not exist. */
export async function patch(request: ResourceRequest): Promise<Reply> {
  const type = patchType(request);
  if (type === "apply") return applyObject(request);
  const { resource, namespace, name, subresource } = request;
  const { definition } = resource;
  const encoding = await encodingFor(request, "one");
  const options = writeOptions(request, "PatchOptions");
  const body = await request.context.request.body.read(MAX_BODY_BYTES);
  await request.context.audit?.requestPatch(body);
  let decoded: Decoded | undefined;
  const { object } = await resource.registry.update(
    name,
    namespace,
    (current) => {
      if (!current) throw notFound(resource.subject, name);
      decoded = patchObject(resource.show(current), body, type, resource.expected, options.fieldValidation);
      // What the patch left alone is shared with the stored object.
      const patched = resource.toStorage(cloneJson(decoded.object));
      definition.defaults?.(patched);
      restrictToPart(patched, current, subresource?.name, definition.hasStatus ?? false);
      trackOwners(request, current, patched, options);
      return patched;
    },
    options.write,
  );
  request.context.warnings.push(...(decoded?.warnings ?? []));
  return objectReply(request, object, 200, encoding);
}

/** The kind of patch that the body is. Throws a 415. */
export function patchType(request: ResourceRequest): PatchType | "apply" {
  const { type, subtype } = parseMediaType(header(request.context.request, "content-type") ?? "");
  const mediaType = `${type}/${subtype}`;
  if (APPLY_MEDIA_TYPES.includes(mediaType)) return "apply";
  const found = PATCH_MEDIA_TYPES[mediaType];
  if (!found) throw unsupported([...Object.keys(PATCH_MEDIA_TYPES), ...APPLY_MEDIA_TYPES]);
  return found;
}
