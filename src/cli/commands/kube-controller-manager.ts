import { hostname } from "node:os";
import type { Command } from "commander";
import type { FlagValues } from "../../base/flags.ts";
import { parseRange } from "../../base/ip-range.ts";
import { client as apiClient } from "../../client/api-client.ts";
import { httpsTransport } from "../../client/https-transport.ts";
import { kubeconfigTransport } from "../../client/kubeconfig.ts";
import { leaderElectionSettings } from "../../client/leader-election-flags.ts";
import { serviceAccountTransport } from "../../client/service-account-transport.ts";
import type { Transport } from "../../client/transport.ts";
import { startControllerManager } from "../../controllers/manager.ts";
import { nodeRanges } from "../../controllers/node-ipam/ranges.ts";
import { controllerManagerFlags } from "../../controllers/options.ts";
import type { ControllerSettings } from "../../controllers/settings.ts";
import { defineComponent } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";

export function define(program: Command, context: Context): void {
  const { machine } = context;
  defineComponent(program, context, {
    name: "kube-controller-manager",
    description: "Run the controllers by themselves.",
    flags: controllerManagerFlags,
    async run(flags, { logger, signal }) {
      const { clock, random, files, network } = machine;
      const { transport, context: kubeconfig } = await kubeconfigTransport(flags.kubeconfig, machine);
      const connect = (over: Transport, userAgent: string) =>
        apiClient(over, { userAgent, clock, headers: kubeconfig.headers });
      const manager = connect(transport, "kube-controller-manager");
      // The controllers' own connection shows no certificate: their tokens say who they are.
      const { server, ca, serverName, insecureSkipTlsVerify } = kubeconfig.connection;
      const base = httpsTransport({ network, clock, server, ca, serverName, insecureSkipTlsVerify });
      const rootCaFile = flags["root-ca-file"];
      const tokenKeyFile = flags["service-account-private-key-file"];
      if (!(flags["legacy-service-account-token-clean-up-period"] > 0)) {
        throw new UserError("--legacy-service-account-token-clean-up-period must be positive");
      }
      const [signingCertificate, signingKey] = [flags["cluster-signing-cert-file"], flags["cluster-signing-key-file"]];
      if (!signingCertificate !== !signingKey) {
        throw new UserError("--cluster-signing-cert-file and --cluster-signing-key-file need each other");
      }
      const running = startControllerManager({
        client: manager,
        ...(flags["use-service-account-credentials"]
          ? {
              clientFor: (name: string) =>
                connect(
                  serviceAccountTransport({ base, issuer: manager, namespace: "kube-system", name, clock }),
                  `kube-controller-manager/${name}`,
                ),
            }
          : {}),
        clock,
        random,
        logger,
        controllers: flags.controllers,
        settings: {
          ...(rootCaFile ? { rootCa: await files.readFile(rootCaFile, "utf8") } : {}),
          ...(signingCertificate && signingKey
            ? {
                clusterSigning: {
                  certificate: await files.readFile(signingCertificate, "utf8"),
                  key: await files.readFile(signingKey, "utf8"),
                },
              }
            : {}),
          ...(tokenKeyFile ? { serviceAccountPrivateKey: await files.readFile(tokenKeyFile, "utf8") } : {}),
          legacyTokenCleanUpPeriodMs: flags["legacy-service-account-token-clean-up-period"],
          ...(flags["allocate-node-cidrs"] ? { nodeCidrs: nodeCidrs(flags) } : {}),
          clusterSigningDurationMs: flags["cluster-signing-duration"],
          nodeMonitorGracePeriodMs: flags["node-monitor-grace-period"],
          nodeStartupGracePeriodMs: flags["node-startup-grace-period"],
          terminatedPodThreshold: flags["terminated-pod-gc-threshold"],
          concurrentEphemeralVolumeSyncs: flags["concurrent-ephemeralvolume-syncs"],
          forceDetachOnTimeout: !flags["disable-force-detach-on-timeout"],
          autoscalerSyncPeriodMs: flags["horizontal-pod-autoscaler-sync-period"],
          autoscalerDownscaleStabilizationMs: flags["horizontal-pod-autoscaler-downscale-stabilization"],
          autoscalerTolerance: flags["horizontal-pod-autoscaler-tolerance"],
          autoscalerCpuInitializationPeriodMs: flags["horizontal-pod-autoscaler-cpu-initialization-period"],
          autoscalerInitialReadinessDelayMs: flags["horizontal-pod-autoscaler-initial-readiness-delay"],
          dynamicProvisioning: flags["enable-dynamic-provisioning"],
          maxEndpointsPerSlice: flags["max-endpoints-per-slice"],
          maxMirroredEndpointsPerSubset: flags["mirroring-max-endpoints-per-subset"],
        },
        ...(flags["leader-elect"]
          ? { leaderElection: { identity: `${hostname()}_${random.uuid()}`, ...leaderElectionSettings(flags) } }
          : {}),
      });
      const stop = () => void running.stop().catch((error) => logger.error("stopping failed", { error }));
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      try {
        await running.done;
      } finally {
        await base.close();
        await transport.close();
      }
    },
  });
}

function nodeCidrs(flags: FlagValues<typeof controllerManagerFlags>): NonNullable<ControllerSettings["nodeCidrs"]> {
  try {
    return {
      ranges: nodeRanges({
        clusterCidrs: flags["cluster-cidr"],
        size: flags["node-cidr-mask-size"],
        sizeIpv4: flags["node-cidr-mask-size-ipv4"],
        sizeIpv6: flags["node-cidr-mask-size-ipv6"],
      }),
      serviceRanges: flags["service-cluster-ip-range"].map(parseRange),
    };
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}
