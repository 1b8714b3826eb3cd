import { endpointSlices } from "../resource-types.ts";
import type { EndpointSlice } from "../types/discovery.v1.ts";
import { define } from "./define.ts";

export const endpointSlice = define<EndpointSlice>({
  type: endpointSlices,
  singular: "endpointslice",
  generation: true,
});
