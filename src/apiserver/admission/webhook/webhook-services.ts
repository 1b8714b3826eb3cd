import type { Clock } from "../../../base/clock.ts";
import type { MetricsRegistry } from "../../../base/metrics.ts";
import type { Random } from "../../../base/random.ts";
import type { Authorizer } from "../../authorization.ts";
import type { Lookup } from "../../lookup.ts";
import type { ResourceCatalogue } from "../../resource-catalogue.ts";
import type { WebhookCaller } from "../../webhook/webhook-client.ts";
import type { WebhookCredentials } from "./webhook-credentials.ts";

/** What the webhook plugins need from the server. */
export interface WebhookServices {
  readonly lookup: Lookup;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly catalogue: ResourceCatalogue;
  readonly webhooks: WebhookCaller;
  readonly metrics: MetricsRegistry;
  readonly configuration?: { readonly webhookCredentials: ReadonlyMap<string, WebhookCredentials> };
}
