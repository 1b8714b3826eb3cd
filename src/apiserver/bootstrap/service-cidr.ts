import { serviceCIDRs } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { Client } from "../../client/client.ts";

/** Makes the ServiceCIDR `kubernetes`, by which others learn the ranges that Services get their addresses from. */
export async function ensureServiceCidr(client: Client, cidrs: readonly string[]): Promise<void> {
  const resource = client.resource(serviceCIDRs);
  try {
    await resource.get("kubernetes");
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await resource.create({ metadata: { name: "kubernetes" }, spec: { cidrs: [...cidrs] } });
  }
}
