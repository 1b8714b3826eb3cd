import { endpointSlices } from "../resource-types.ts";
import type { EndpointSlice } from "../types/discovery.v1.ts";
import { define } from "./define.ts";

export const endpointSlice = define<EndpointSlice>({
  type: endpointSlices,
  singular: "endpointslice",
  generation: true,
  defaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= "";
      port.protocol ??= "TCP";
    }
    for (const endpoint of slice.endpoints ?? []) endpoint.conditions ??= {};
  },
  prepareForCreate(slice) {
    // A field of the beta version, kept only where it already is.
    for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
});
