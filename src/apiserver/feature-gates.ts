import table from "./feature-gates.json" with { type: "json" };

/** Which features are on. */
export interface FeatureGates {
  enabled(name: string): boolean;
}

interface Gate {
  readonly stage: string;
  readonly on: boolean;
  readonly locked: boolean;
}

/**
 * The gates that can be turned on though they are off by default: what they mean to the API server is here. That the
 * other components have no part in them is up to their own flags, as upstream.
 */
const OPTIONAL: ReadonlySet<string> = new Set([
  "ClusterTrustBundle",
  "GenericWorkload",
  "MaxUnavailableStatefulSet",
  "PodCertificateRequest",
  "StorageVersionMigrator",
]);
/** Each sets all the gates of a stage that are not named themselves. */
const STAGES: Readonly<Record<string, string>> = { AllAlpha: "alpha", AllBeta: "beta" };

let known: ReadonlyMap<string, Gate> | undefined;

/** Kubernetes 1.36's gates and their defaults (feature-gates.json). */
export function knownGates(): ReadonlyMap<string, Gate> {
  known ??= new Map(
    Object.entries(table).map(([name, text]) => {
      const [stage = "", state, locked] = text.split(" ");
      return [name, { stage, on: state === "on", locked: locked !== undefined }];
    }),
  );
  return known;
}

/**
 * Reads `--feature-gates`: `Name=true` or `Name=false`, several times or with commas. Throws for gates that nobody knows,
 * for locked ones that are to change, and for those whose feature can't be turned on or off here.
 */
export function featureGates(entries: readonly string[] = []): FeatureGates {
  const gates = knownGates();
  const wanted = new Map<string, boolean>();
  for (const entry of entries.flatMap((each) => each.split(",")).map((each) => each.trim())) {
    if (entry === "") continue;
    const equals = entry.indexOf("=");
    if (equals < 0) throw new Error(`--feature-gates: missing bool value for ${entry}`);
    wanted.set(
      entry.slice(0, equals).trim(),
      parseBoolean(entry.slice(0, equals).trim(), entry.slice(equals + 1).trim()),
    );
  }
  const set = new Map<string, boolean>();
  for (const [name, on] of wanted) {
    const stage = STAGES[name];
    if (stage === undefined) continue;
    for (const [each, gate] of gates) if (gate.stage === stage && !gate.locked) set.set(each, on);
  }
  for (const [name, on] of wanted) {
    if (name in STAGES) continue;
    const gate = gates.get(name);
    if (!gate) throw new Error(`--feature-gates: unrecognized feature gate: ${name}`);
    if (gate.locked && on !== gate.on) {
      throw new Error(`--feature-gates: cannot set feature gate ${name} to ${on}, feature is locked to ${gate.on}`);
    }
    set.set(name, on);
  }
  const refused = [...set].filter(([name, on]) => on !== gates.get(name)!.on && !OPTIONAL.has(name));
  if (refused.length > 0) {
    const list = refused.map(([name, on]) => `${name}=${on}`).join(", ");
    throw new Error(`--feature-gates: this server has no other behaviour than the default's, so it can't set ${list}`);
  }
  return { enabled: (name) => set.get(name) ?? gates.get(name)?.on ?? false };
}

/** As Go's strconv.ParseBool. */
function parseBoolean(name: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  const cause = `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`;
  throw new Error(`--feature-gates: invalid value of ${name}: ${value}, err: ${cause}`);
}
