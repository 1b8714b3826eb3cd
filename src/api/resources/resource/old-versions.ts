/**
 * The beta versions of resource.k8s.io. v1beta2 has the shape of v1. v1beta1 has the fields of the one request that is
 * asked for exactly beside its name, not in `exactly`, and those of a device in `basic`.
 */
import type { UnknownObject } from "../../object.ts";
import type { Conversion } from "../../resource-definition.ts";
import { rewriteAt, sameShape } from "../same-shape.ts";

const GROUP = "resource.k8s.io";
const v1beta1 = sameShape(GROUP, "v1beta1", "v1");
export const v1beta2 = sameShape(GROUP, "v1beta2", "v1");

/** Of a request, what v1beta1 has beside `name` and `firstAvailable`. */
const REQUEST_FIELDS = [
  "deviceClassName",
  "selectors",
  "allocationMode",
  "count",
  "adminAccess",
  "tolerations",
  "capacity",
];

type Json = Record<string, unknown>;

function moved(from: Json, names: readonly string[], inner: string): Json {
  const result: Json = {};
  const exact: Json = {};
  for (const name in from) {
    if (names.includes(name)) exact[name] = from[name];
    else result[name] = from[name];
  }
  if (Object.keys(exact).length > 0) result[inner] = exact;
  return result;
}

function flattened(from: Json, inner: string): Json {
  const { [inner]: fields, ...rest } = from;
  return { ...rest, ...(fields as Json | undefined) };
}

/** Empty values, which the name of a class is written with, ask for nothing. */
function nestRequest(request: Json): Json {
  const given = Object.entries(request).filter(([, value]) => value !== "" && value !== 0);
  return moved(Object.fromEntries(given), REQUEST_FIELDS, "exactly");
}
const flattenRequest = (request: Json): Json => ({ deviceClassName: "", ...flattened(request, "exactly") });
const flattenDevice = (device: Json): Json => flattened(device, "basic");
function nestDevice({ name, ...basic }: Json): Json {
  return { name, basic };
}

function at(path: string, toStorage: (value: Json) => Json, fromStorage: (value: Json) => Json): Conversion {
  return {
    toStorage: (object: UnknownObject) => v1beta1.toStorage(rewriteAt(object, path, toStorage)),
    fromStorage: (object: UnknownObject) => v1beta1.fromStorage(rewriteAt(object, path, fromStorage)),
  };
}

export const deviceClassVersions = { v1beta1, v1beta2 };
export const claimVersions = { v1beta1: at("spec.devices.requests[]", nestRequest, flattenRequest), v1beta2 };
export const claimTemplateVersions = {
  v1beta1: at("spec.spec.devices.requests[]", nestRequest, flattenRequest),
  v1beta2,
};
export const sliceVersions = { v1beta1: at("spec.devices[]", flattenDevice, nestDevice), v1beta2 };
