import { containersOf, secretsOf } from "../../api/pod-references.ts";
import { pods, serviceAccounts } from "../../api/resource-types.ts";
import type { Container, Pod, ServiceAccount, Volume } from "../../api/types/core.v1.ts";
import { type Clock, sleep } from "../../base/clock.ts";
import { nameSuffix, type Random } from "../../base/random.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { mountableSecretProblem } from "./mountable-secrets.ts";
import { concerns, refusal, written } from "./refusal.ts";

const MIRROR = "kubernetes.io/config.mirror";
const DEFAULT_ACCOUNT = "default";
const VOLUME_PREFIX = "kube-api-access-";
const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
/** The life of a mounted token; the kubelet renews it before. See EXTENDABLE_SECONDS of TokenRequests. */
const TOKEN_SECONDS = 3607;
/** A new namespace gets its default account by a controller: how often and how long it is waited for. */
const DEFAULT_ATTEMPTS = 10;
const RETRY_MS = 100;

/**
 * ServiceAccount: every pod runs as an account of its namespace (`default` unless it names one), with a volume that
 * holds the account's token, the cluster's CA and the namespace's name, and with the account's image pull secrets.
 */
export function serviceAccount(options: { lookup: Lookup; clock: Clock; random: Random }): AdmissionPlugin {
  const { lookup, clock, random } = options;

  const find = async (attributes: AdmissionAttributes, name: string): Promise<ServiceAccount> => {
    const { namespace = "" } = attributes;
    const known = await lookup.get(serviceAccounts, name, namespace);
    if (known) return known;
    const attempts = name === DEFAULT_ACCOUNT ? DEFAULT_ATTEMPTS : 1;
    for (let attempt = 1; ; attempt++) {
      const found = await lookup.get(serviceAccounts, name, namespace, { fresh: true });
      if (found) return found;
      if (attempt === attempts) break;
      await sleep(clock, RETRY_MS * (1 + random.next()));
    }
    const problem = `serviceaccount ${JSON.stringify(name)} not found`;
    throw refusal(attributes, `error looking up service account ${namespace}/${name}: ${problem}`);
  };

  const validate = async (attributes: AdmissionAttributes): Promise<void> => {
    const pod = written<Pod>(attributes);
    if (isMirror(pod) && attributes.operation === "CREATE") return checkMirror(attributes, pod);
    const name = pod.spec?.serviceAccountName;
    if (!name) {
      throw refusal(
        attributes,
        `no service account specified for pod ${attributes.namespace}/${pod.metadata?.name ?? ""}`,
      );
    }
    const account = await find(attributes, name);
    const problem = mountableSecretProblem(account, pod, attributes.operation === "UPDATE");
    if (problem) throw refusal(attributes, problem);
  };

  return {
    name: "ServiceAccount",
    handles: (attributes) =>
      attributes.operation === "CREATE"
        ? concerns(attributes, pods)
        : attributes.operation === "UPDATE" && concerns(attributes, pods, "ephemeralcontainers"),
    async admit(attributes) {
      const pod = written<Pod>(attributes);
      if (attributes.operation !== "CREATE" || !pod.spec) return;
      // The kubelet would delete a mirror pod that differs from its manifest.
      if (isMirror(pod)) return checkMirror(attributes, pod);
      const { spec } = pod;
      spec.serviceAccountName ||= DEFAULT_ACCOUNT;
      spec.serviceAccount = spec.serviceAccountName;
      const account = await find(attributes, spec.serviceAccountName);
      if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(pod, random);
      if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length) {
        spec.imagePullSecrets = account.imagePullSecrets.map(({ name }) => ({ name }));
      }
    },
    validate,
  };
}

const isMirror = (pod: Pod) => pod.metadata?.annotations?.[MIRROR] !== undefined;

/** A mirror pod is the kubelet's own: it must not get anything from the API. */
function checkMirror(attributes: AdmissionAttributes, pod: Pod): void {
  if (pod.spec?.serviceAccountName) throw refusal(attributes, "a mirror pod may not reference service accounts");
  if (secretsOf(pod).size > 0) throw refusal(attributes, "a mirror pod may not reference secrets");
  const projected = (pod.spec?.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  if (projected.some((source) => source.serviceAccountToken)) {
    throw refusal(attributes, "a mirror pod may not use ServiceAccountToken volume projections");
  }
}

/** Mounts the account's volume into each container that has nothing of its own at that path. */
function mountToken(pod: Pod, random: Random): void {
  const spec = pod.spec!;
  const existing = spec.volumes?.find((volume) => volume.name.startsWith(VOLUME_PREFIX))?.name;
  const name = existing ?? VOLUME_PREFIX + nameSuffix(random);
  let mounted = false;
  const ephemeral: readonly unknown[] = spec.ephemeralContainers ?? [];
  for (const container of containersOf(pod)) {
    if (ephemeral.includes(container) || mountsAt(container, MOUNT_PATH)) continue;
    container.volumeMounts = [...(container.volumeMounts ?? []), { mountPath: MOUNT_PATH, name, readOnly: true }];
    mounted = true;
  }
  if (mounted && !existing) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

const mountsAt = (container: Container, path: string) =>
  container.volumeMounts?.some((mount) => mount.mountPath === path) ?? false;

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: "token" } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
});
