import type { Container, PersistentVolume, Pod, Volume } from "./types/core.v1.ts";

const named = (names: readonly (string | undefined)[]): Set<string> =>
  new Set(names.filter((name): name is string => Boolean(name)));

/** All containers of a pod: init, ordinary and ephemeral ones. */
export function containersOf(pod: Pod): Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...(ephemeralContainers as Container[])];
}

/** The Secrets of its namespace that a pod names anywhere. */
export function secretsOf(pod: Pod): Set<string> {
  return named([
    ...(pod.spec?.imagePullSecrets ?? []).map(({ name }) => name),
    ...environmentSecretsOf(pod),
    ...(pod.spec?.volumes ?? []).flatMap(volumeSecrets),
  ]);
}

/** The Secrets that containers take variables from. */
export function environmentSecretsOf(pod: Pod): Set<string> {
  return named(
    containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.secretRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ]),
  );
}

function volumeSecrets(volume: Volume): (string | undefined)[] {
  return [
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
    volume.rbd?.secretRef?.name,
    volume.secret?.secretName,
    volume.scaleIO?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.storageos?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
  ];
}

/** The ConfigMaps of its namespace that a pod names anywhere. */
export function configMapsOf(pod: Pod): Set<string> {
  return named([
    ...containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.configMapRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap((volume) => [
      volume.configMap?.name,
      ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ]);
}

/** The PersistentVolumeClaims that a pod uses, its ephemeral volumes' included. */
export function claimsOf(pod: Pod): Set<string> {
  return named(
    (pod.spec?.volumes ?? []).map((volume) =>
      volume.ephemeral ? `${pod.metadata?.name}-${volume.name}` : volume.persistentVolumeClaim?.claimName,
    ),
  );
}

/** The ResourceClaims that a pod uses, those made for it included. */
export function resourceClaimsOf(pod: Pod): Set<string> {
  const made = new Map((pod.status?.resourceClaimStatuses ?? []).map((one) => [one.name, one.resourceClaimName]));
  return named([
    ...(pod.spec?.resourceClaims ?? []).map((claim) => claim.resourceClaimName ?? made.get(claim.name)),
    pod.status?.extendedResourceClaimStatus?.resourceClaimName,
  ]);
}

/** The Secrets, as `namespace/name`, that a kubelet needs to mount a volume. */
export function volumeSecretsOf(volume: PersistentVolume): Set<string> {
  const { azureFile, cephfs, cinder, csi, flexVolume, iscsi, rbd, scaleIO, storageos, claimRef } = volume.spec ?? {};
  const references = [
    azureFile && { name: azureFile.secretName, namespace: azureFile.secretNamespace },
    ...[cephfs, cinder, flexVolume, iscsi, rbd, scaleIO, storageos].map((source) => source?.secretRef),
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
  ];
  return named(references.map((one) => one?.name && `${one.namespace || claimRef?.namespace}/${one.name}`));
}
