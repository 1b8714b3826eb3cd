/**
 * `knarr/testing`: Kubernetes as an object in a test. A cluster of one process with the API server, every controller,
 * the scheduler and simulated nodes; with time that the test moves, and faults that it calls.
 */
export type { ObjectClient } from "../client/object-client.ts";
export { UnknownKindError } from "../client/object-client.ts";
export type { InProcessComponent } from "../cluster/in-process.ts";
export { parseStages, type Stage, StageError } from "../simulator/stage.ts";
export { NODE_NOT_READY, nodeStages } from "../simulator/stages/node.ts";
export { POD_ANNOTATIONS, podStages } from "../simulator/stages/pod.ts";
export { withoutDelays } from "../simulator/stages/stage-data.ts";
export type { Duration } from "./durations.ts";
export { ClusterUseError } from "./errors.ts";
export type { Fault, FaultOptions, Faults, RequestMatch } from "./faults.ts";
export { type Cluster, type ClusterClock, type ClusterOptions, startCluster } from "./test-cluster.ts";
