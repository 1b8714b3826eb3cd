import { endpointSlices } from "../resource-types.ts";
import type { EndpointSlice } from "../types/discovery.v1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "./columns.ts";
import { define } from "./define.ts";

export const endpointSlice = define<EndpointSlice>({
  type: endpointSlices,
  singular: "endpointslice",
  generation: true,
  columns: [
    nameColumn,
    column("AddressType", "What kind of addresses the endpoints have.", ({ addressType }) => addressType ?? ""),
    column("Ports", "Ports that every endpoint of this slice serves.", ({ ports = [] }) => {
      const shown = ports.map(({ port, name }) => String(port ?? name ?? "*"));
      return listWithMore(shown, shown.length, 3) || "<unset>";
    }),
    column("Endpoints", "Addresses of the endpoints.", ({ endpoints }) => {
      const shown = (endpoints ?? []).flatMap(({ addresses }) => addresses ?? []);
      return listWithMore(shown, shown.length, 3) || "<unset>";
    }),
    ageColumn,
  ],
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
