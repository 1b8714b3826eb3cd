import { secrets } from "../../api/resource-types.ts";
import type { Secret } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";

const LAST_USED = "kubernetes.io/legacy-token-last-used";

/**
 * Notes on a Secret on which day its token was last used, so that tokens nobody uses can be found and cleaned up
 * (KEP-2799). Once a day for each; a failure is logged, and the request goes on.
 */
export function legacyTokenUse(options: {
  client: () => Client;
  clock: Clock;
  logger: Logger;
}): (secret: Secret) => void {
  const { client, clock, logger } = options;
  /** Being noted right now, by uid. */
  const noting = new Set<string>();
  return ({ metadata = {} }) => {
    const { name = "", namespace = "", uid = "", labels } = metadata;
    const today = new Date(clock.now()).toISOString().slice(0, 10);
    if (labels?.[LAST_USED] === today || noting.has(uid)) return;
    noting.add(uid);
    const patch = { metadata: { uid, labels: { [LAST_USED]: today } } };
    client()
      .resource(secrets)
      .patch(name, namespace, "merge", patch)
      .catch((error: unknown) =>
        logger.error("the use of a legacy token could not be noted", { namespace, name, error }),
      )
      .finally(() => noting.delete(uid));
  };
}
