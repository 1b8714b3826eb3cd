import { servedResources } from "../api/schema/served-resources.ts";
import { type FeatureGates, featureGates } from "./feature-gates.ts";
import { runtimeConfig, type Serves } from "./runtime-config.ts";

/** What is served beyond, or not of, what is served by default: the values of two flags of the API server. */
export interface ServedApiFlags {
  /** `--runtime-config`. */
  readonly runtimeConfig?: readonly string[];
  /** `--feature-gates`. */
  readonly featureGates?: readonly string[];
}

/** Reads both, for `createApiServer`. Throws for entries that can't be used. */
export function servedApi(flags: ServedApiFlags): { features: FeatureGates; serves: Serves } {
  const features = featureGates(flags.featureGates);
  return { features, serves: runtimeConfig(flags.runtimeConfig ?? [], servedResources(true), features) };
}
