import type { Clock } from "../../../base/clock.ts";
import type { MetricsRegistry } from "../../../base/metrics.ts";
import type { Authorizer } from "../../authorization.ts";
import type { Lookup } from "../../lookup.ts";
import type { ResourceCatalogue } from "../../resource-catalogue.ts";

/** What the policy plugins need from the server. */
export interface PolicyServices {
  readonly lookup: Lookup;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly catalogue: ResourceCatalogue;
  readonly metrics: MetricsRegistry;
}
