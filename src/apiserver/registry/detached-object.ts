import type { UnknownObject } from "../../api/object.ts";
import type { Attributes, CachedObject } from "../watch-cache/watch-cache.ts";
import { storedBytes } from "./object-bytes.ts";

/**
 * An object that is not in any cache (the result of a dry run, a Scale), in the form that the encoders take. It gets the
 * resource version `revision`, unless that is 0.
 */
export function detachedObject(given: UnknownObject, revision = 0): CachedObject {
  let value: Uint8Array | undefined;
  const { namespace = "", name = "" } = given.metadata ?? {};
  const object: UnknownObject =
    revision === 0 ? given : { ...given, metadata: { ...given.metadata, resourceVersion: String(revision) } };
  return {
    key: "",
    namespace,
    name,
    revision,
    createRevision: revision,
    get value() {
      value ??= storedBytes(object);
      return value;
    },
    object,
    peek: () => object,
    attributes: NO_ATTRIBUTES,
    encoded(_format, encode) {
      return encode(this);
    },
  };
}

const NO_ATTRIBUTES: Attributes = { labels: {}, fields: {} };
