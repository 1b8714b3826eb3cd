import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import { formatAddress, type IpRange } from "../allocators/ip-range.ts";
import type { PostStartHook } from "../post-start.ts";
import { reconcileBootstrapPolicy } from "../rbac/reconcile.ts";
import { publishClientCa } from "./authentication-info.ts";
import { reconcileKubernetesService } from "./kubernetes-service.ts";
import { ensureServiceCidr } from "./service-cidr.ts";
import { ensurePriorityClasses, ensureSystemNamespaces } from "./system-objects.ts";

const NAMESPACES = "start-system-namespaces-controller";

/** How often the Service `kubernetes` is looked after, as upstream does. */
const SERVICE_PERIOD_MS = 10_000;

export interface BootstrapOptions {
  /** Of cluster IPs; the first range is the primary one. */
  ranges: readonly IpRange[];
  advertise: { address: string; port: number } | undefined;
  clientCa: string | undefined;
  clock: Clock;
  logger: Logger;
}

/** What every cluster begins with, under upstream's names of the hooks. Throws for a loopback address. */
export function bootstrapHooks(options: BootstrapOptions): PostStartHook[] {
  const { ranges, advertise, clientCa } = options;
  const hooks: PostStartHook[] = [
    { name: NAMESPACES, run: ensureSystemNamespaces },
    {
      name: "rbac/bootstrap-roles",
      after: [NAMESPACES],
      async run(admin) {
        const { bootstrapPolicy } = await import("../rbac/bootstrap-policy.ts");
        await reconcileBootstrapPolicy(admin, bootstrapPolicy());
      },
    },
    { name: "scheduling/bootstrap-system-priority-classes", run: ensurePriorityClasses },
    {
      name: "start-kubernetes-service-cidr-controller",
      run: (admin) =>
        ensureServiceCidr(
          admin,
          ranges.map(({ text }) => text),
        ),
    },
  ];
  if (advertise) hooks.push(kubernetesService(advertise, ranges[0]!, options));
  if (clientCa !== undefined) {
    hooks.push({
      name: "start-cluster-authentication-info-controller",
      after: [NAMESPACES],
      run: (admin) => publishClientCa(admin, clientCa),
    });
  }
  return hooks;
}

/** Puts the Service `kubernetes` in place, and keeps it so until the server stops. */
function kubernetesService(
  advertise: { address: string; port: number },
  range: IpRange,
  { clock, logger }: BootstrapOptions,
): PostStartHook {
  if (/^127\.|^::1$/.test(advertise.address)) {
    throw new RangeError(`the advertised address ${advertise.address} is a loopback address: pods could not reach it`);
  }
  const wanted = {
    clusterIp: formatAddress(range.first, range.family),
    advertiseAddress: advertise.address,
    securePort: advertise.port,
  };
  return {
    name: "bootstrap-controller",
    after: [NAMESPACES],
    async run(admin, signal) {
      await reconcileKubernetesService(admin, wanted);
      const timer = clock.every(SERVICE_PERIOD_MS, () => {
        reconcileKubernetesService(admin, wanted).catch((error) => {
          if (!signal.aborted) logger.warn("the Service kubernetes could not be put right", { error });
        });
      });
      signal.addEventListener("abort", () => timer.cancel(), { once: true });
    },
  };
}
