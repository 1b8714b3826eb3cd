/**
 * `knarr/controller`: operators in TypeScript. A reconciler says what to do for one object; a manager runs reconcilers on
 * shared informers, with work queues, owner references, finalizers, server-side apply, events and leader election. It
 * speaks nothing but the public API, so it works against any Kubernetes, and in a test against knarr/testing.
 */
export type { KubeObject, ResourceType, UnknownObject } from "../api/object.ts";
export { type Connection, type ConnectOptions, connect } from "./connect.ts";
export {
  type CustomObject,
  type CustomResource,
  type CustomResourceOptions,
  customResource,
  type SchemaShape,
  type ValueOf,
} from "./custom-resource.ts";
export type { Duration } from "./duration.ts";
export { keyOf, type Manager, type ManagerOptions, startManager } from "./manager.ts";
export {
  allOf,
  always,
  annotationsChanged,
  anyOf,
  generationChanged,
  labelsChanged,
  type Predicate,
} from "./predicates.ts";
export {
  type KindOrResource,
  type ReconcileContext,
  type ReconcileOutcome,
  type Reconciler,
  type ReconcilerDefinition,
  reconciler,
  type View,
  type WatchDefinition,
} from "./reconciler.ts";
