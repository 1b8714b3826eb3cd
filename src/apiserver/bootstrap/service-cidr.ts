import { jsonEqual } from "../../api/json-equal.ts";
import { serviceCIDRs } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { ServiceCIDR } from "../../api/types/networking.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";
import { time } from "../../client/timestamps.ts";

const NAME = "kubernetes";

/**
 * Keeps the ServiceCIDR `kubernetes`, the ranges of this server's flags: makes it, says that it is ready, and adds a
 * second family to it. Ranges that differ are left alone, as upstream does, and told of once.
 */
export function defaultServiceCidr(options: { cidrs: readonly string[]; clock: Clock; logger: Logger }) {
  const { clock, logger } = options;
  const cidrs = [...options.cidrs];
  let told = false;

  return async function reconcile(client: Client): Promise<void> {
    const resource = client.resource(serviceCIDRs);
    let present: ServiceCIDR;
    try {
      present = await resource.get(NAME);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      try {
        present = await resource.create({ metadata: { name: NAME }, spec: { cidrs } });
      } catch (failure) {
        if (!isAlreadyExists(failure)) throw failure;
        present = await resource.get(NAME);
      }
    }
    const before = present.spec?.cidrs ?? [];
    if (cidrs.length === 2 && before.length === 1 && before[0] === cidrs[0]) {
      present = await resource.update({ ...present, spec: { ...present.spec, cidrs } });
    }
    if (present.metadata?.deletionTimestamp) return;
    if (!jsonEqual(present.spec?.cidrs, cidrs)) {
      const message = "the default ServiceCIDR does not match the flags of this server";
      if (!told) logger.warn(message, { servicecidr: present.spec?.cidrs?.join(","), flags: cidrs.join(",") });
      told = true;
      return;
    }
    if (present.status?.conditions?.some(({ type, status }) => type === "Ready" && status !== "Unknown")) return;
    const condition = {
      type: "Ready",
      status: "True",
      reason: "",
      message: "Kubernetes default Service CIDR is ready",
      lastTransitionTime: time(clock.now()),
    };
    const status = { conditions: [condition] };
    await resource.apply(
      { apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: NAME }, status } as ServiceCIDR,
      { fieldManager: "kubernetes-service-cidr-controller", force: true, subresource: "status" },
    );
  };
}
