import { serviceAccounts } from "../../resource-types.ts";
import type { ServiceAccount } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const serviceAccount = define<ServiceAccount>({
  type: serviceAccounts,
  singular: "serviceaccount",
  shortNames: ["sa"],
});
