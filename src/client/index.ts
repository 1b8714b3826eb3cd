/**
 * The client library: a typed Client over a Transport, informers that keep local copies true, work queues, the
 * controller loop, leader election and events. Effects (clock, random, network, files) are handed in.
 */

export type { KubeList, KubeObject, ResourceType, UnknownObject } from "../api/object.ts";
/** The built-in resources, each typed by its objects: `resources.pods`. */
export * as resources from "../api/resource-types.ts";
export { StatusError } from "../api/status-error.ts";
export * from "./api-client.ts";
export * from "./backoff.ts";
export * from "./client.ts";
export * from "./controller-loop.ts";
export * from "./event-broadcaster.ts";
export * from "./event-recorder.ts";
export * from "./https-transport.ts";
export * from "./informer.ts";
export * from "./informer-factory.ts";
export * from "./kubeconfig.ts";
export * from "./leader-election.ts";
export * from "./node-lease.ts";
export * from "./object-client.ts";
export * from "./pending-writes.ts";
export * from "./rate-limited-queue.ts";
export * from "./rate-limiter.ts";
export * from "./reflector.ts";
export * from "./timestamps.ts";
export * from "./transport.ts";
export * from "./work-queue.ts";
