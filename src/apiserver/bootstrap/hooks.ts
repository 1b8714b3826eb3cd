import type { Clock } from "../../base/clock.ts";
import { formatAddress, type IpRange } from "../../base/ip-range.ts";
import type { Logger } from "../../base/logger.ts";
import type { Client } from "../../client/client.ts";
import type { Store } from "../../store/store.ts";
import type { PostStartHook } from "../post-start.ts";
import { reconcileBootstrapPolicy } from "../rbac/reconcile.ts";
import { type AuthenticationInfo, publishAuthenticationInfo } from "./authentication-info.ts";
import {
  RENEW_PERIOD_MS,
  removeExpiredIdentities,
  renewIdentityLease,
  type ServerIdentity,
  SWEEP_PERIOD_MS,
} from "./identity-lease.ts";
import { leaveKubernetesService, reconcileKubernetesService } from "./kubernetes-service.ts";
import { publishTokenTracking } from "./legacy-token-tracking.ts";
import { masterLeases } from "./master-leases.ts";
import { defaultServiceCidr } from "./service-cidr.ts";
import { ensurePriorityClasses, ensureSystemNamespaces } from "./system-objects.ts";

const NAMESPACES = "start-system-namespaces-controller";
const SERVICE_CIDR = "start-kubernetes-service-cidr-controller";

/** How often the Service and the ServiceCIDR `kubernetes` are looked after, as upstream does. */
const SERVICE_PERIOD_MS = 10_000;

export interface BootstrapOptions {
  /** Of cluster IPs; the first range is the primary one. */
  ranges: readonly IpRange[];
  advertise: { address: string; port: number } | undefined;
  authentication: AuthenticationInfo;
  identity: ServerIdentity;
  store: Store;
  /** Whether no other server has this store: then nothing is to be looked after again that was once put in place. */
  sole: boolean;
  clock: Clock;
  logger: Logger;
}

/** What every cluster begins with, under upstream's names of the hooks. Throws for a loopback address. */
export function bootstrapHooks(options: BootstrapOptions): PostStartHook[] {
  const { ranges, advertise, authentication, identity, clock, logger } = options;
  const serviceCidr = defaultServiceCidr({ cidrs: ranges.map(({ text }) => text), clock, logger });
  const renew = (admin: Client) => renewIdentityLease(admin, identity, clock);
  const sweep = (admin: Client) => removeExpiredIdentities(admin, clock);
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
    {
      name: "start-legacy-token-tracking-controller",
      after: [NAMESPACES],
      run: (admin) => publishTokenTracking(admin, clock),
    },
    { name: "scheduling/bootstrap-system-priority-classes", run: ensurePriorityClasses },
    repeated(SERVICE_CIDR, [], SERVICE_PERIOD_MS, serviceCidr, options),
  ];
  if (!options.sole) {
    hooks.push(
      repeated("start-kube-apiserver-identity-lease-controller", [NAMESPACES], RENEW_PERIOD_MS, renew, options),
      repeated("start-kube-apiserver-identity-lease-garbage-collector", [NAMESPACES], SWEEP_PERIOD_MS, sweep, options),
    );
  }
  if (advertise) hooks.push(kubernetesService(advertise, ranges[0]!, options));
  if (authentication.clientCa !== undefined || authentication.requestHeader) {
    hooks.push({
      name: "start-cluster-authentication-info-controller",
      after: [NAMESPACES],
      run: (admin) => publishAuthenticationInfo(admin, authentication),
    });
  }
  return hooks;
}

/** Puts the Service `kubernetes` in place, and keeps it so until the server stops. */
function kubernetesService(
  advertise: { address: string; port: number },
  range: IpRange,
  options: BootstrapOptions,
): PostStartHook {
  if (/^127\.|^::1$/.test(advertise.address)) {
    throw new RangeError(`the advertised address ${advertise.address} is a loopback address: pods could not reach it`);
  }
  const wanted = {
    clusterIp: formatAddress(range.first, range.family),
    advertiseAddress: advertise.address,
    securePort: advertise.port,
  };
  const masters = masterLeases(options.store, options.clock);
  const reconcile = (admin: Client) => reconcileKubernetesService(admin, masters, wanted);
  return {
    ...repeated("bootstrap-controller", [NAMESPACES, SERVICE_CIDR], SERVICE_PERIOD_MS, reconcile, options),
    beforeShutdown: (admin) => leaveKubernetesService(admin, masters, wanted),
  };
}

/** A hook that is done when `action` has succeeded for the first time, and goes on with it until the server stops. */
function repeated(
  name: string,
  after: readonly string[],
  periodMs: number,
  action: (admin: Client) => Promise<void>,
  { sole, clock, logger }: Pick<BootstrapOptions, "sole" | "clock" | "logger">,
): PostStartHook {
  return {
    name,
    after,
    async run(admin, signal) {
      await action(admin);
      if (sole) return;
      let running = false;
      const timer = clock.every(periodMs, () => {
        if (running) return;
        running = true;
        action(admin)
          .catch((error) => {
            if (!signal.aborted) logger.warn("what the cluster begins with could not be kept", { hook: name, error });
          })
          .finally(() => {
            running = false;
          });
      });
      signal.addEventListener("abort", () => timer.cancel(), { once: true });
    },
  };
}
