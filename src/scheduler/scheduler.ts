/**
 * kube-scheduler: takes pods without a node from its queue one at a time, decides by the plugins, and binds. The decision is
 * made on the cache without yielding; binding goes on in the background while the next pod is looked at.
 */

import { jsonEqual } from "../api/json-equal.ts";
import {
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  storageClasses,
} from "../api/resource-types.ts";
import { isNotFound } from "../api/status-error.ts";
import type { Node, Pod } from "../api/types/core.v1.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "../client/client.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { InformerFactory } from "../client/informer.ts";
import { type Decision, decide, explain } from "./algorithm.ts";
import { Cache } from "./cache.ts";
import type { ClusterEvent, Plugin } from "./framework.ts";
import { podInfo } from "./node-info.ts";
import { defaultPlugins } from "./plugins/index.ts";
import { type VolumeChoice, volumeChoice } from "./plugins/volume-binding.ts";
import { planPreemption } from "./preemption.ts";
import { type QueuedPod, SchedulingQueue } from "./queue.ts";
import { volumeBinder } from "./volume-binder.ts";

export interface SchedulerOptions {
  client: Client;
  /** Not started yet. */
  informers: InformerFactory;
  recorder: EventRecorder;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Pods that name another scheduler are left to it. */
  schedulerName?: string;
  plugins?: readonly Plugin[];
}

export interface Scheduler {
  /** Begins to schedule; call it when the informers are synced. Resolves after `signal` was aborted and all is quiet. */
  run(signal: AbortSignal): Promise<void>;
}

export const DEFAULT_SCHEDULER_NAME = "default-scheduler";

/** Sets up the caches on `informers`; nothing is scheduled before `run`. */
export function scheduler(options: SchedulerOptions): Scheduler {
  const { client, informers, recorder, clock, random, logger } = options;
  const name = options.schedulerName ?? DEFAULT_SCHEDULER_NAME;
  const plugins = options.plugins ?? defaultPlugins;
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const podClient = client.resource(pods);

  const podInformer = informers.informer(pods);
  const nodeInformer = informers.informer(nodes);
  const claims = informers.informer(persistentVolumeClaims);
  const volumes = informers.informer(persistentVolumes);
  const classes = informers.informer(storageClasses);
  const binder = volumeBinder({ client, informers, clock });
  const namespaceInformer = informers.informer(namespaces);
  const budgets = informers.informer(podDisruptionBudgets);
  const cache = new Cache({
    claim: (namespace, claim) => claims.get(`${namespace}/${claim}`),
    volume: (volume) => volumes.get(volume),
    volumesFor: (claim) => binder.volumesFor(claim),
    storageClass: (className) => classes.get(className),
    namespaceLabels: (namespace) => namespaceInformer.get(namespace)?.metadata?.labels ?? {},
  });
  const queue = new SchedulingQueue({
    clock,
    wakes: (pod, rejectedBy, event) =>
      [...rejectedBy].some((plugin) => byName.get(plugin)?.wakes?.(pod, event) ?? true) && !gate(pod),
  });

  const gate = (pod: Pod): string | undefined => plugins.find((plugin) => plugin.preEnqueue?.(pod))?.name;
  const isFinished = (pod: Pod) => pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
  const isOurs = (pod: Pod) => (pod.spec?.schedulerName ?? DEFAULT_SCHEDULER_NAME) === name;

  const takeIn = (pod: Pod, old?: Pod) => {
    const uid = pod.metadata!.uid!;
    if (pod.spec?.nodeName) {
      if (isFinished(pod)) return drop(pod);
      queue.remove(uid);
      cache.setPod(pod);
      if (!old?.spec?.nodeName) queue.notify({ kind: "pod-added", pod });
      else if (!jsonEqual(old.metadata?.labels, pod.metadata?.labels) || !jsonEqual(old.spec, pod.spec)) {
        queue.notify({ kind: "pod-removed", pod: old });
      }
      return;
    }
    if (!isOurs(pod) || isFinished(pod) || pod.metadata?.deletionTimestamp) return queue.remove(uid);
    if (cache.isAssumed(uid)) return;
    const same = old && jsonEqual(old.spec, pod.spec) && jsonEqual(old.metadata?.labels, pod.metadata?.labels);
    queue.add(pod, gate(pod), !same);
  };
  const drop = (pod: Pod) => {
    queue.remove(pod.metadata!.uid!);
    if (!pod.spec?.nodeName && !cache.isAssumed(pod.metadata!.uid!)) return;
    cache.removePod(pod.metadata!.uid!);
    queue.notify({ kind: "pod-removed", pod });
  };
  podInformer.on({ add: (pod) => takeIn(pod), update: (old, pod) => takeIn(pod, old), delete: drop });
  nodeInformer.on({
    add: (node) => queue.notify({ kind: "node-added", node: cache.setNode(node) }),
    update(old, node) {
      const info = cache.setNode(node);
      // Heartbeats change conditions' times and nothing that a pod waits for.
      if (matters(old, node)) queue.notify({ kind: "node-updated", node: info });
    },
    delete: (node) => cache.removeNode(node.metadata!.name!),
  });
  const volumeChanged: ClusterEvent = { kind: "volume-changed" };
  const onVolume = { add: () => queue.notify(volumeChanged), update: () => queue.notify(volumeChanged) };
  claims.on(onVolume);
  volumes.on(onVolume);
  classes.on(onVolume);

  let start = 0;
  const scheduleOne = (entry: QueuedPod, signal: AbortSignal): Promise<void> | undefined => {
    const uid = entry.pod.metadata!.uid!;
    const current = podInformer.get(`${entry.pod.metadata!.namespace}/${entry.pod.metadata!.name}`);
    if (!current || current.metadata!.uid !== uid || current.spec?.nodeName || current.metadata?.deletionTimestamp) {
      queue.done(uid);
      return undefined;
    }
    entry.pod = current;
    const snapshot = cache.snapshot();
    const info = podInfo(current);
    const { decision, examined } = decide(info, snapshot, plugins, random, start);
    start = snapshot.nodes.length === 0 ? 0 : (start + examined) % snapshot.nodes.length;
    if (decision.node === undefined) return turnAway(entry, decision);
    const choice = volumeChoice(info, snapshot.node(decision.node)!, snapshot);
    cache.assume(current, decision.node);
    if (choice) binder.assume(choice);
    return bind(entry, decision.node, choice, signal);
  };

  const bind = async (entry: QueuedPod, node: string, choice: VolumeChoice | undefined, signal: AbortSignal) => {
    const { namespace, name: podName, uid } = entry.pod.metadata!;
    try {
      if (choice) await bindVolumes(choice, node, signal);
      await podClient.createSubresource(podName!, namespace, "binding", {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: podName, namespace, uid },
        target: { kind: "Node", name: node },
      });
      queue.done(uid!);
      recorder.event(entry.pod, "Normal", "Scheduled", `Successfully assigned ${namespace}/${podName} to ${node}`);
    } catch (error) {
      cache.forget(uid!);
      if (isNotFound(error) || signal.aborted) return queue.done(uid!);
      logger.warn("a pod could not be bound", { pod: `${namespace}/${podName}`, node, error });
      const message = `binding rejected: ${error instanceof Error ? error.message : String(error)}`;
      queue.reject(entry, new Set());
      recorder.event(entry.pod, "Warning", "FailedScheduling", message);
      await report(entry.pod, "SchedulerError", message);
    }
  };

  const bindVolumes = async (choice: VolumeChoice, node: string, signal: AbortSignal) => {
    try {
      await binder.bind(choice, node, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const message = `running PreBind plugin "VolumeBinding": binding volumes: ${(error as Error).message}`;
      throw new Error(message, { cause: error });
    } finally {
      binder.forget(choice);
    }
  };

  const turnAway = async (entry: QueuedPod, decision: Extract<Decision, { node: undefined }>) => {
    const snapshot = cache.snapshot();
    const { pod } = entry;
    const plan = planPreemption(podInfo(pod), decision, snapshot, plugins, budgets.list(pod.metadata!.namespace));
    let message = explain(decision, snapshot.nodes.length);
    if (plan.node === undefined && snapshot.nodes.length > 0) message += ` ${plan.message}`;
    const rejectedBy = new Set(
      [...(decision.cluster ? [decision.cluster] : decision.rejections.values())].map(({ plugin }) => plugin),
    );
    queue.reject(entry, rejectedBy.size > 0 ? rejectedBy : new Set(["NodeName"]));
    recorder.event(pod, "Warning", "FailedScheduling", message);
    await report(pod, "Unschedulable", message, plan.node);
    if (plan.node !== undefined) for (const victim of plan.victims) await evict(victim, pod, plan.node);
  };

  /** The PodScheduled condition, and the node that was made room on. Written only when it says something new. */
  const report = async (pod: Pod, reason: string, message: string, nominatedNodeName?: string) => {
    const conditions = pod.status?.conditions ?? [];
    const old = conditions.find(({ type }) => type === "PodScheduled");
    const unchanged = old?.status === "False" && old.reason === reason && old.message === message;
    if (unchanged && (nominatedNodeName === undefined || pod.status?.nominatedNodeName === nominatedNodeName)) return;
    const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason,
      message,
      observedGeneration: pod.metadata?.generation,
      lastProbeTime: null,
      lastTransitionTime: old?.status === "False" ? (old.lastTransitionTime ?? now) : now,
    };
    const status = { conditions: [condition], ...(nominatedNodeName === undefined ? {} : { nominatedNodeName }) };
    const { namespace, name: podName } = pod.metadata!;
    try {
      await podClient.patch(
        podName!,
        namespace,
        "strategic",
        { metadata: { uid: pod.metadata!.uid }, status },
        { subresource: "status" },
      );
    } catch (error) {
      if (!isNotFound(error))
        logger.warn("a pod's condition could not be written", { pod: `${namespace}/${podName}`, error });
    }
  };

  const evict = async (victim: Pod, preemptor: Pod, node: string) => {
    const { namespace, name: victimName, uid } = victim.metadata!;
    if (victim.metadata?.deletionTimestamp) return;
    const message = `${name}: preempting to accommodate a higher priority pod`;
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "PreemptionByScheduler",
      message,
      lastTransitionTime: `${new Date(clock.now()).toISOString().slice(0, 19)}Z`,
    };
    try {
      await podClient.patch(
        victimName!,
        namespace,
        "strategic",
        { metadata: { uid }, status: { conditions: [condition] } },
        { subresource: "status" },
      );
      await podClient.delete(victimName!, namespace, { preconditions: { uid } });
      recorder.event(victim, "Normal", "Preempted", `Preempted by pod ${preemptor.metadata!.uid} on node ${node}`);
    } catch (error) {
      if (!isNotFound(error)) logger.warn("a pod could not be preempted", { pod: `${namespace}/${victimName}`, error });
    }
  };

  return {
    async run(signal) {
      const running = new Set<Promise<void>>();
      const onAbort = () => queue.close();
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      for (;;) {
        const entry = await queue.pop();
        if (!entry) break;
        const work = scheduleOne(entry, signal);
        if (!work) continue;
        running.add(work);
        work.catch((error) => logger.error("scheduling a pod failed", { error })).finally(() => running.delete(work));
      }
      await Promise.allSettled(running);
    },
  };
}

function matters(old: Node, node: Node): boolean {
  return !(
    jsonEqual(old.spec, node.spec) &&
    jsonEqual(old.metadata?.labels, node.metadata?.labels) &&
    jsonEqual(old.status?.allocatable, node.status?.allocatable) &&
    jsonEqual(
      old.status?.conditions?.map(({ type, status }) => [type, status]),
      node.status?.conditions?.map(({ type, status }) => [type, status]),
    )
  );
}
