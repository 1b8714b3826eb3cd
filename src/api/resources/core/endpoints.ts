import { endpoints as endpointsType } from "../../resource-types.ts";
import type { EndpointSubset, Endpoints } from "../../types/core.v1.ts";
import { ageColumn, column, listWithMore, nameColumn } from "../columns.ts";
import { define } from "../define.ts";

export const endpoints = define<Endpoints>({
  type: endpointsType,
  singular: "endpoints",
  shortNames: ["ep"],
  defaults(endpoints) {
    for (const subset of endpoints.subsets ?? []) {
      for (const port of subset.ports ?? []) port.protocol ||= "TCP";
    }
  },
  columns: [
    nameColumn,
    column("Endpoints", "Addresses and ports that are ready.", ({ subsets }) => addresses(subsets ?? [])),
    ageColumn,
  ],
  createOnUpdate: true,
});

function addresses(subsets: readonly EndpointSubset[]): string {
  if (subsets.length === 0) return "<none>";
  const all: string[] = [];
  for (const { addresses = [], ports = [] } of subsets) {
    if (ports.length === 0) for (const { ip } of addresses) all.push(ip);
    for (const { port } of ports) {
      for (const { ip } of addresses) all.push(ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);
    }
  }
  return listWithMore(all, all.length, 3);
}
