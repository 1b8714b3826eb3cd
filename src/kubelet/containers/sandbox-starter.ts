import { join } from "node:path";
import type { Pod } from "../../api/types/core.v1.ts";

import type { Files } from "../../base/files.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { podReference, podUid } from "../pod/pod.ts";
import type { RuntimeCache } from "../pod/runtime-cache.ts";
import type { Runtime, SandboxConfig } from "../runtime.ts";
import type { SandboxContext } from "./container-starter.ts";
import { type DnsSettings, podDns } from "./dns-config.ts";
import { hostNetworkHosts, podHosts } from "./etc-hosts.ts";
import { podHostname } from "./hostname.ts";
import { podLogDirectory } from "./log-paths.ts";
import { sandboxConfig } from "./sandbox-config.ts";

export interface SandboxStarter {
  /** Makes a sandbox with its network. Rejects after recording an event. */
  create(pod: Pod, attempt: number, cgroupParent: string | undefined, seenAt: number): Promise<SandboxContext>;
  /** What containers need to know of a sandbox that is there. */
  context(pod: Pod, sandboxId: string, cgroupParent: string | undefined, seenAt: number): Promise<SandboxContext>;
  /** Stops the pod's sandboxes, with all that runs in them, and releases their network. */
  stopAll(podUid: string): Promise<void>;
}

export interface SandboxStarterOptions {
  runtime: Runtime;
  cache: RuntimeCache;
  events: EventRecorder;
  files: Files;
  rootDir: string;
  podLogsDir: string;
  clusterDomain: string;
  hostIps: readonly string[];
  dns(): Promise<DnsSettings>;
  /** The runtime handler of the pod's RuntimeClass; rejects where there is no such class. */
  runtimeHandler(pod: Pod): Promise<string | undefined>;
}

export function sandboxStarter(options: SandboxStarterOptions): SandboxStarter {
  const { runtime, cache, events, files } = options;
  /** One that died by itself, with the machine for example, still holds its address until it is stopped. */
  const stopped = new Set<string>();

  const configOf = async (
    pod: Pod,
    attempt: number,
    cgroupParent: string | undefined,
    seenAt: number,
    quiet: boolean,
  ): Promise<SandboxConfig> => {
    const dns = podDns(pod, await options.dns());
    if (!quiet)
      for (const { reason, message } of dns.warnings) events.event(podReference(pod), "Warning", reason, message);
    return sandboxConfig({
      pod,
      attempt,
      hostname: podHostname(pod, options.clusterDomain),
      dns: dns.config,
      logDirectory: podLogDirectory(options.podLogsDir, pod),
      ...(cgroupParent ? { cgroupParent } : {}),
      seenAt,
    });
  };

  /** Writes the hosts file where it is not what it should be; containers have it mounted, so it is never replaced. */
  const writeHosts = async (pod: Pod, ips: readonly string[]): Promise<string> => {
    const path = join(options.rootDir, "pods", podUid(pod), "etc-hosts");
    const aliases = pod.spec?.hostAliases ?? [];
    const text = pod.spec?.hostNetwork
      ? hostNetworkHosts(await files.readFile("/etc/hosts", "utf8"), aliases)
      : podHosts(ips, podHostname(pod, options.clusterDomain), aliases);
    const present = await files.readFile(path, "utf8").catch(() => undefined);
    if (present !== text) {
      await files.writeFile(path, text);
      await files.chmod(path, 0o644);
    }
    return path;
  };

  const contextOf = async (pod: Pod, id: string, config: SandboxConfig, known: readonly string[]) => {
    const ips = pod.spec?.hostNetwork ? options.hostIps : known;
    return { id, config, ips, hostsFile: await writeHosts(pod, ips) };
  };

  return {
    async create(pod, attempt, cgroupParent, seenAt) {
      try {
        const config = await configOf(pod, attempt, cgroupParent, seenAt, false);
        const [handler] = await Promise.all([
          options.runtimeHandler(pod),
          files.mkdir(config.logDirectory, { recursive: true, mode: 0o755 }),
          files.mkdir(join(options.rootDir, "pods", podUid(pod)), { recursive: true, mode: 0o750 }),
        ]);
        const id = await runtime.runSandbox(config, handler);
        const status = await cache.refreshSandbox(id);
        return await contextOf(pod, id, config, status?.ips ?? []);
      } catch (error) {
        const message = `Failed to create pod sandbox: ${(error as Error).message}`;
        events.event(podReference(pod), "Warning", "FailedCreatePodSandBox", message);
        throw error;
      }
    },
    async context(pod, sandboxId, cgroupParent, seenAt) {
      const sandbox = cache.state(podUid(pod)).sandboxes.find(({ id }) => id === sandboxId);
      const config = await configOf(pod, sandbox?.metadata.attempt ?? 0, cgroupParent, seenAt, true);
      return contextOf(pod, sandboxId, config, sandbox?.ips ?? []);
    },
    async stopAll(uid) {
      const { sandboxes } = cache.state(uid);
      await Promise.all(
        sandboxes.map(async ({ id, state }) => {
          if (state !== "ready" && stopped.has(id)) return;
          await runtime.stopSandbox(id);
          stopped.add(id);
          await cache.refreshSandbox(id);
        }),
      );
      for (const id of stopped) if (!cache.hasSandbox(id)) stopped.delete(id);
    },
  };
}
