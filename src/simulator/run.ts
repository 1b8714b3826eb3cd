import { quantityValue } from "../api/quantity.ts";
import { nodes } from "../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../api/status-error.ts";
import type { Node } from "../api/types/core.v1.ts";
import type { Logger } from "../base/logger.ts";
import type { Machine } from "../base/machine.ts";
import type { Client } from "../client/client.ts";
import { MOST_SIMULATED_NODES } from "./most-nodes.ts";
import { type NodeShape, simulatedNode } from "./simulated-node.ts";
import { isSimulated, startSimulator } from "./simulator.ts";
import { type Stage, StageError } from "./stage.ts";
import { nodeStages } from "./stages/node.ts";
import { podStages } from "./stages/pod.ts";
import { withoutDelays } from "./stages/stage-data.ts";

export interface RunSimulatorOptions extends Pick<Machine, "clock" | "random"> {
  client: Client;
  logger: Logger;
  nodes: number;
  namePrefix: string;
  shape?: Pick<NodeShape, "capacity" | "labels">;
  stages: readonly Stage[];
  leaseDurationSeconds?: number;
  /** Whether to play simulated nodes too that others have added. Default false. */
  manageAll?: boolean;
  /** Whether the nodes stay in the cluster at the end. */
  keep: boolean;
}

/** Nodes that are added or removed at once. */
const PARALLEL = 16;

/**
 * Adds nodes that are not there yet, and plays them until `signal` is aborted. Throws a
 * RangeError for a number of nodes or a capacity that there can't be.
 */
export async function runSimulator(options: RunSimulatorOptions, signal: AbortSignal): Promise<void> {
  const { client, logger, namePrefix, nodes: count } = options;
  if (!Number.isInteger(count) || count < 0 || count > MOST_SIMULATED_NODES) {
    throw new RangeError(`the number of simulated nodes must be from 0 to ${MOST_SIMULATED_NODES}`);
  }
  for (const quantity of Object.values(options.shape?.capacity ?? {})) quantityValue(quantity);
  const resource = client.resource(nodes);
  const names = Array.from({ length: count }, (_, index) => `${namePrefix}${index + 1}`);
  const own = new Set(names);
  const plays = (node: Node) => isSimulated(node) && (options.manageAll || own.has(node.metadata?.name ?? ""));
  const simulator = startSimulator({ ...options, plays });
  try {
    await simulator.started;
    await eachOf(names, async (name, index) => {
      if (signal.aborted) return;
      await resource.create(simulatedNode({ ...options.shape, name, index }), { signal }).catch((error) => {
        if (!isAlreadyExists(error)) throw error;
      });
    });
    logger.info("playing simulated nodes", { nodes: count });
    await Promise.race([simulator.done, aborted(signal)]);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await simulator.stop();
    if (!options.keep) {
      await eachOf(names, async (name) => {
        await resource.delete(name).catch((error) => {
          if (!isNotFound(error)) logger.warn("a simulated node could not be removed", { node: name, error });
        });
      });
    }
  }
}

/**
 * The stages to play: ours, with those of `given` in the place of ours for the same kind. Throws a StageError for a
 * `lives` that there is not.
 */
export function chooseLives(lives: string, given: readonly Stage[] = []): Stage[] {
  if (lives !== "fast" && lives !== "realistic") {
    throw new StageError(`there are no lives called ${JSON.stringify(lives)}: "realistic" and "fast" are known`);
  }
  const replaced = new Set(given.map(({ spec }) => spec.resourceRef.kind));
  const ours = [...nodeStages, ...(lives === "fast" ? withoutDelays(podStages) : podStages)];
  return [...ours.filter(({ spec }) => !replaced.has(spec.resourceRef.kind)), ...given];
}

async function eachOf(names: readonly string[], act: (name: string, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < names.length; index = next++) await act(names[index]!, index);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
