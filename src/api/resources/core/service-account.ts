import { serviceAccounts } from "../../resource-types.ts";
import type { ServiceAccount } from "../../types/core.v1.ts";
import { define } from "../define.ts";

export const serviceAccount = define<ServiceAccount>({
  type: serviceAccounts,
  singular: "serviceaccount",
  shortNames: ["sa"],
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
});

/** Of a reference to a secret only the name counts: it is in the same namespace. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name }));
}
