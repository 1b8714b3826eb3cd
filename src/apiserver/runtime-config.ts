import type { FeatureGates } from "./feature-gates.ts";

interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** Says whether a resource is served in a version. */
export type Serves = (resource: GroupVersionResource) => boolean;

/** `v1`, `v1beta1`, `v2alpha1`. */
const STABLE = /^v\d+$/;
/** In the order in which they are applied, whatever the order of the flags. */
const LEVELS: readonly (readonly [key: string, pattern: RegExp])[] = [
  ["api/all", /^/],
  ["api/ga", STABLE],
  ["api/beta", /^v\d+beta\d+$/],
  ["api/alpha", /^v\d+alpha\d+$/],
];

/** Resources that are served only while a feature is on, whatever versions are. */
const GATED: Readonly<Record<string, string>> = {
  "certificates.k8s.io/clustertrustbundles": "ClusterTrustBundle",
  "certificates.k8s.io/podcertificaterequests": "PodCertificateRequest",
  "scheduling.k8s.io/podgroups": "GenericWorkload",
  "scheduling.k8s.io/workloads": "GenericWorkload",
  "storagemigration.k8s.io/storageversionmigrations": "StorageVersionMigrator",
};

/**
 * Reads `--runtime-config`: which versions and resources of the built-in API are served. Stable versions are unless
 * switched off, beta and alpha versions only when switched on. Entries are `key=true` or `key=false` (no value: true),
 * where a key is `api/all`, `api/ga`, `api/beta`, `api/alpha`, `group/version` (`v1`, `/v1` or `api/v1` for the core group) or
 * `group/version/resource`; the more particular counts. Throws in upstream's words for what is no such entry.
 */
export function runtimeConfig(
  entries: readonly string[],
  known: readonly GroupVersionResource[],
  features: FeatureGates,
): Serves {
  const wanted = new Map<string, string>();
  for (const entry of entries.flatMap((each) => each.split(",")).map((each) => each.trim())) {
    if (entry === "") continue;
    const [key = "", ...value] = entry.split("=");
    wanted.set(key.trim(), value.join("=").trim());
  }
  if (wanted.size === 1 && wanted.get("api/all") === "false") {
    throw new Error("invalid runtime-config with only api/all=false");
  }
  const levels = LEVELS.flatMap(([key, pattern]) => {
    const value = wanted.get(key);
    if (value === undefined) return [];
    wanted.delete(key);
    if (value !== "true" && value !== "false") throw new Error(`invalid value ${key}=${value}`);
    return [{ pattern, on: value === "true" }];
  });
  const versions = new Map<string, boolean>();
  const resources = new Map<string, boolean>();
  for (const [key, value] of wanted) {
    const { group, version, resource } = parseKey(key);
    const inGroup = known.filter((one) => one.group === group);
    if (inGroup.length === 0) throw new Error(`unknown api groups ${group}/${version}`);
    const inVersion = inGroup.filter((one) => one.version === version);
    const name = group === "" ? version : `${group}/${version}`;
    if (inVersion.length === 0) throw new Error(`group version ${name} that has not been registered`);
    const on = parseBoolean(key, value);
    if (resource === undefined) {
      versions.set(`${group}/${version}`, on);
      continue;
    }
    if (resource !== resource.toLowerCase()) {
      throw new Error(
        `invalid key ${key}: group/version/resource and resource is always lowercase plural, not ${JSON.stringify(resource)}`,
      );
    }
    if (!inVersion.some((one) => one.resource === resource)) {
      throw new Error(`invalid key ${key}: ${name} has no resource ${JSON.stringify(resource)}`);
    }
    resources.set(`${group}/${version}/${resource}`, on);
  }
  return ({ group, version, resource }) => {
    const gate = GATED[`${group}/${resource}`];
    if (gate !== undefined && !features.enabled(gate)) return false;
    const one = resources.get(`${group}/${version}/${resource}`) ?? versions.get(`${group}/${version}`);
    if (one !== undefined) return one;
    const level = levels.findLast(({ pattern }) => pattern.test(version));
    return level ? level.on : STABLE.test(version);
  };
}

function parseKey(key: string): { group: string; version: string; resource?: string } {
  const tokens = key === "v1" ? ["api", "v1"] : key.split("/");
  if (tokens.length !== 2 && tokens.length !== 3) throw new Error(`runtime-config invalid key ${key}`);
  const [first = "", version = "", resource] = tokens;
  if (version === "") throw new Error(`runtime-config invalid key ${key}`);
  const group = first === "api" ? "" : first;
  return resource === undefined ? { group, version } : { group, version, resource };
}

function parseBoolean(key: string, value: string): boolean {
  if (["", "1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  const cause = `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw new Error(`invalid value of ${key}: ${value}, err: ${cause}`);
}
