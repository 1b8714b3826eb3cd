import { serviceAccounts } from "../../resource-types.ts";
import type { ServiceAccount } from "../../types/core.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { at } from "../field-errors.ts";

const MOUNTABLE_SECRETS = "kubernetes.io/enforce-mountable-secrets";

export const serviceAccount = define<ServiceAccount>({
  warnings({ metadata }) {
    if (metadata?.annotations?.[MOUNTABLE_SECRETS] === undefined) return [];
    const detail = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets";
    return [`${at("metadata.annotations", MOUNTABLE_SECRETS)}: ${detail}`];
  },
  type: serviceAccounts,
  singular: "serviceaccount",
  shortNames: ["sa"],
  columns: [
    nameColumn,
    column("Secrets", "How many secrets it lists.", (account) => account.secrets?.length ?? 0),
    ageColumn,
  ],
  prepareForCreate: keepSecretNames,
  prepareForUpdate: keepSecretNames,
});

/** Of a reference to a secret only the name counts: it is in the same namespace. */
function keepSecretNames(account: ServiceAccount): void {
  if (account.secrets) account.secrets = account.secrets.map(({ name }) => ({ name }));
}
