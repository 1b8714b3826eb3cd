import { leases } from "../resource-types.ts";
import type { Lease } from "../types/coordination.v1.ts";
import { define } from "./define.ts";

export const lease = define<Lease>({
  type: leases,
  singular: "lease",
  createOnUpdate: true,
  unconditionalUpdate: false,
});
