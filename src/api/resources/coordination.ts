import { leases } from "../resource-types.ts";
import type { Lease } from "../types/coordination.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";

export const lease = define<Lease>({
  type: leases,
  singular: "lease",
  columns: [nameColumn, column("Holder", "Who holds the lease.", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
  createOnUpdate: true,
  unconditionalUpdate: false,
});
