import type { ConfigMap, Pod, Secret, ServiceAccountTokenProjection, Volume } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Files } from "../../base/files.ts";
import type { DownwardFacts } from "../containers/downward-api.ts";
import { allContainers, podNamespace } from "../pod/pod.ts";
import { type Payload, type PayloadFile, writePayload } from "./atomic-writer.ts";
import { configMapFiles, DEFAULT_MODE, downwardFiles, secretFiles } from "./payload.ts";
import type { VolumePlugin } from "./volume.ts";

/** Where the content of volumes made from API data comes from. */
export interface DataSources {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  /** A token for the pod's service account, renewed before it expires. */
  token(pod: Pod, projection: ServiceAccountTokenProjection): Promise<string>;
  facts(pod: Pod): DownwardFacts;
}

export interface DataVolumeOptions {
  files: Files;
  clock: Clock;
  sources: DataSources;
}

/** What one kind of data volume is: everything else about them is the same. */
interface DataVolumeKind {
  name: string;
  inMemory: boolean;
  field: "configMap" | "secret" | "downwardAPI" | "projected";
  payload(pod: Pod, volume: Volume, sources: DataSources): Promise<Payload>;
}

const KINDS: readonly DataVolumeKind[] = [
  {
    name: "kubernetes.io/configmap",
    inMemory: false,
    field: "configMap",
    async payload(pod, volume, sources) {
      const source = volume.configMap!;
      const object = await sources.configMap(podNamespace(pod), source.name ?? "");
      return configMapFiles(object, source, source.defaultMode ?? DEFAULT_MODE);
    },
  },
  {
    name: "kubernetes.io/secret",
    inMemory: true,
    field: "secret",
    async payload(pod, volume, sources) {
      const { secretName: name = "", ...source } = volume.secret!;
      const object = await sources.secret(podNamespace(pod), name);
      return secretFiles(object, { ...source, name }, source.defaultMode ?? DEFAULT_MODE);
    },
  },
  {
    name: "kubernetes.io/downward-api",
    inMemory: true,
    field: "downwardAPI",
    async payload(pod, volume, sources) {
      const { items = [], defaultMode = DEFAULT_MODE } = volume.downwardAPI!;
      return downwardFiles(pod, items, defaultMode, sources.facts(pod));
    },
  },
  { name: "kubernetes.io/projected", inMemory: true, field: "projected", payload: projectedPayload },
];

/** ConfigMap, Secret, downward API and projected volumes: files made of data, replaced all at once when it changes. */
export function dataVolumePlugins(options: DataVolumeOptions): VolumePlugin[] {
  let sequence = 0;
  return KINDS.map((kind) => ({
    name: kind.name,
    refreshes: true,
    inMemory: kind.inMemory,
    supports: (volume: Volume) => volume[kind.field] !== undefined,
    async setUp({ pod, volume, directory }) {
      const payload = await kind.payload(pod, volume, options.sources);
      await writePayload(options.files, directory, payload, {
        now: options.clock.now(),
        sequence: ++sequence,
        group: pod.spec?.securityContext?.fsGroup,
      });
      return { path: directory, readOnly: true };
    },
  }));
}

/** The sources are asked all at once; where two give the same path, the later one in the list has it. */
async function projectedPayload(pod: Pod, volume: Volume, sources: DataSources): Promise<Payload> {
  const { sources: list = [], defaultMode: mode = DEFAULT_MODE } = volume.projected!;
  const namespace = podNamespace(pod);
  const parts = await Promise.all(
    list.map(async (source): Promise<Map<string, PayloadFile>> => {
      if (source.configMap) {
        return configMapFiles(await sources.configMap(namespace, source.configMap.name ?? ""), source.configMap, mode);
      }
      if (source.secret) {
        return secretFiles(await sources.secret(namespace, source.secret.name ?? ""), source.secret, mode);
      }
      if (source.downwardAPI) return downwardFiles(pod, source.downwardAPI.items ?? [], mode, sources.facts(pod));
      if (source.serviceAccountToken) {
        const token = await sources.token(pod, source.serviceAccountToken);
        return new Map([[source.serviceAccountToken.path, tokenFile(pod, token, mode)]]);
      }
      const kind = Object.keys(source)[0] ?? "empty";
      throw new Error(`projected volume source "${kind}" is not supported by this kubelet`);
    }),
  );
  return new Map(parts.flatMap((part) => [...part]));
}

/** A token is readable by the pod's user alone, where that is one user and known; or by its group; or by all. */
function tokenFile(pod: Pod, token: string, mode: number): PayloadFile {
  const data = Buffer.from(token);
  const users = new Set(
    allContainers(pod).map(
      ({ container }) => container.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser,
    ),
  );
  const [user] = users;
  if (users.size === 1 && user !== undefined) return { data, mode: 0o600, uid: user };
  return { data, mode: pod.spec?.securityContext?.fsGroup === undefined ? mode : 0o600 };
}
