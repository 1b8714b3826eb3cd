import { decode, type Expected, type FieldValidation } from "../../api/codec/decode.ts";
import type { UnknownObject } from "../../api/object.ts";
import { unsupportedMediaType } from "../../api/status-error.ts";
import { MEDIA_TYPES } from "../encoding.ts";
import { parseMediaType } from "../http/accept.ts";
import { header } from "../http/exchange.ts";
import { hasProtobuf } from "../wire-formats.ts";
import type { ResourceRequest } from "./resource-request.ts";

/** Upstream's limit for the body of a request that writes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** What bodies may be; custom resources have no protobuf form. */
const ACCEPTED: readonly string[] = Object.values(MEDIA_TYPES);
const ACCEPTED_OF_CUSTOM: readonly string[] = [MEDIA_TYPES.json, MEDIA_TYPES.yaml];

/**
 * The object in a request's body: a private copy, of the kind that is expected. Problems with its fields become a 400 or
 * warnings. Throws a 415 for a content type that can't be read.
 */
export async function decodeBody(
  request: ResourceRequest,
  expected: Expected,
  fieldValidation: FieldValidation,
): Promise<UnknownObject> {
  const body = await request.context.request.body.read(MAX_BODY_BYTES);
  const { object, warnings } = await decode(body, bodyType(request, expected), expected, fieldValidation);
  request.context.warnings.push(...warnings);
  return object;
}

/** The options object in the body of a deletion; undefined where there is no body. */
export async function decodeOptions<T>(request: ResourceRequest, kind: "DeleteOptions"): Promise<T | undefined> {
  const body = await request.context.request.body.read(MAX_BODY_BYTES);
  if (body.length === 0) return undefined;
  const { group, version } = request.resource.type;
  const expected = { group, version, kind };
  const { object, warnings } = await decode(body, bodyType(request, expected), expected, "Warn");
  request.context.warnings.push(...warnings);
  request.context.audit?.requestObject(object);
  return object as T;
}

function bodyType(request: ResourceRequest, expected: Expected): string {
  const given = header(request.context.request, "content-type");
  if (!given) return MEDIA_TYPES.json;
  const { type, subtype } = parseMediaType(given);
  const mediaType = `${type}/${subtype}`;
  const accepted = !expected.coerce && hasProtobuf(expected) ? ACCEPTED : ACCEPTED_OF_CUSTOM;
  if (!accepted.includes(mediaType)) throw unsupported(accepted);
  return mediaType;
}

/** The 415 that lists what is accepted. */
export function unsupported(accepted: readonly string[]) {
  return unsupportedMediaType(
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
  );
}
