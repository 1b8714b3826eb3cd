import type { Container, Pod, ServiceAccount } from "../../api/types/core.v1.ts";

const ANNOTATION = "kubernetes.io/enforce-mountable-secrets";
/** As Go's ParseBool reads it. */
const TRUE = new Set(["1", "t", "T", "true", "TRUE", "True"]);

/**
 * Which secret a pod uses without being allowed to, where its account is annotated so that only the secrets it lists
 * may be used. `ephemeral` looks at the ephemeral containers only.
 */
export function mountableSecretProblem(account: ServiceAccount, pod: Pod, ephemeral: boolean): string | undefined {
  if (!TRUE.has(account.metadata?.annotations?.[ANNOTATION] ?? "")) return undefined;
  const { spec } = pod;
  const mountable = new Set((account.secrets ?? []).map(({ name }) => name));
  const reason = `is not allowed because service account ${account.metadata?.name} does not reference that`;

  const inContainers = (containers: readonly Container[] | undefined, what: string): string | undefined => {
    for (const container of containers ?? []) {
      for (const { name, valueFrom } of container.env ?? []) {
        const secret = valueFrom?.secretKeyRef?.name;
        if (secret === undefined || mountable.has(secret)) continue;
        return `${what} ${container.name} with envVar ${name} referencing secret.secretName="${secret}" ${reason} secret`;
      }
      for (const { secretRef } of container.envFrom ?? []) {
        const secret = secretRef?.name;
        if (secret === undefined || mountable.has(secret)) continue;
        return `${what} ${container.name} with envFrom referencing secret.secretName="${secret}" ${reason} secret`;
      }
    }
    return undefined;
  };

  if (ephemeral) return inContainers(spec?.ephemeralContainers as Container[] | undefined, "ephemeral container");
  for (const { secret } of spec?.volumes ?? []) {
    if (!secret || mountable.has(secret.secretName)) continue;
    return `volume with secret.secretName="${secret.secretName ?? ""}" ${reason} secret`;
  }
  const pull = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  const foreign = (spec?.imagePullSecrets ?? []).findIndex(({ name }) => !pull.has(name));
  return (
    inContainers(spec?.initContainers, "init container") ??
    inContainers(spec?.containers, "container") ??
    (foreign < 0
      ? undefined
      : `imagePullSecrets[${foreign}].name="${spec!.imagePullSecrets![foreign]!.name}" ${reason} imagePullSecret`)
  );
}
