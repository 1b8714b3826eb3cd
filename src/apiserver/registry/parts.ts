import type { UnknownObject } from "../../api/object.ts";

/**
 * Which part of an object each path may write. Everything else is put back to what is stored, before field owners are
 * tracked and again after admission.
 */
export function restrictToPart(
  object: UnknownObject,
  old: UnknownObject,
  subresource: string | undefined,
  hasStatus: boolean,
): void {
  if (subresource === undefined) {
    if (hasStatus) put(object, "status", old["status"]);
    return;
  }
  const part = PARTS[subresource];
  const written = part ? undefined : object["status"];
  const given = { ...object };
  for (const key of Object.keys(object)) if (!KEPT.has(key)) delete object[key];
  for (const key in old) if (!KEPT.has(key)) object[key] = old[key];
  if (part) part(object, given);
  else put(object, "status", written);
}

const KEPT = new Set(["apiVersion", "kind", "metadata"]);

type Fields = Record<string, unknown>;

/** Subresources that write less than the whole status: each takes its part of `given` over into `object`. */
const PARTS: Readonly<Record<string, (object: UnknownObject, given: UnknownObject) => void>> = {
  finalize(object, given) {
    object["spec"] = withField(object["spec"], "finalizers", (given["spec"] as Fields | undefined)?.["finalizers"]);
  },
  approval(object, given) {
    object["status"] = withField(
      object["status"],
      "conditions",
      (given["status"] as Fields | undefined)?.["conditions"],
    );
  },
  ephemeralcontainers(object, given) {
    const containers = (given["spec"] as Fields | undefined)?.["ephemeralContainers"];
    object["spec"] = withField(object["spec"], "ephemeralContainers", containers);
  },
  resize(object, given) {
    const spec = { ...(object["spec"] as Fields) };
    const wanted = (given["spec"] ?? {}) as Fields;
    for (const list of ["containers", "initContainers"]) {
      if (Array.isArray(spec[list])) spec[list] = withResources(spec[list] as Fields[], wanted[list]);
    }
    object["spec"] = withField(spec, "resources", wanted["resources"]);
  },
};

/** The containers with the resources (and resize policies) of those of the same names. */
function withResources(containers: readonly Fields[], given: unknown): Fields[] {
  const wanted = Array.isArray(given) ? (given as Fields[]) : [];
  return containers.map((container) => {
    const other = wanted.find((one) => one["name"] === container["name"]);
    if (!other) return container;
    return withField(withField(container, "resources", other["resources"]), "resizePolicy", other["resizePolicy"]);
  });
}

function withField(object: unknown, field: string, value: unknown): Fields {
  const copy = { ...((object ?? {}) as Fields) };
  put(copy, field, value);
  return copy;
}

function put(object: Fields, field: string, value: unknown): void {
  if (value === undefined) delete object[field];
  else object[field] = value;
}
