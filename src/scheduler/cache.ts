import type { Node, Pod } from "../api/types/core.v1.ts";
import type { Snapshot } from "./framework.ts";
import { NodeInfo, podInfo } from "./node-info.ts";

/** Where claims, volumes and namespaces are looked up. */
export type Lookups = Pick<Snapshot, "claim" | "volume" | "volumesFor" | "storageClass" | "namespaceLabels">;

/**
 * Nodes with their pods, including pods that were assigned by this scheduler a moment ago but whose binding has not come
 * back from the API yet ("assumed"). An assumption is replaced by the real pod, or taken back when binding fails.
 */
export class Cache {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Which node each pod counts on, by the pod's uid. */
  readonly #places = new Map<string, string>();
  readonly #assumed = new Set<string>();
  readonly #lookups: Lookups;

  constructor(lookups: Lookups) {
    this.#lookups = lookups;
  }

  setNode(node: Node): NodeInfo {
    const info = this.#node(node.metadata!.name!);
    info.setNode(node);
    return info;
  }

  /** Its pods stay counted until they are deleted themselves. */
  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    info.setNode(undefined);
    if (info.pods.size === 0) this.#nodes.delete(name);
  }

  /** An assigned pod, as the API shows it. */
  setPod(pod: Pod): void {
    const uid = pod.metadata!.uid!;
    this.#assumed.delete(uid);
    this.#place(pod, pod.spec!.nodeName!);
  }

  /** Counts the pod on a node before the API knows. */
  assume(pod: Pod, node: string): void {
    this.#assumed.add(pod.metadata!.uid!);
    this.#place({ ...pod, spec: { ...pod.spec!, nodeName: node } }, node);
  }

  /** Takes an assumption back, unless the API has confirmed it meanwhile. */
  forget(uid: string): void {
    if (this.#assumed.delete(uid)) this.#remove(uid);
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.#remove(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** The live state: one scheduling decision is made without yielding, so no copy is needed. */
  snapshot(): Snapshot {
    const nodes = [...this.#nodes.values()].filter((info) => info.node !== undefined);
    return { nodes, node: (name) => this.#nodes.get(name), ...this.#lookups };
  }

  #node(name: string): NodeInfo {
    const known = this.#nodes.get(name);
    if (known) return known;
    const info = new NodeInfo();
    this.#nodes.set(name, info);
    return info;
  }

  #place(pod: Pod, name: string): void {
    const uid = pod.metadata!.uid!;
    this.#remove(uid);
    this.#node(name).add(podInfo(pod));
    this.#places.set(uid, name);
  }

  #remove(uid: string): void {
    const name = this.#places.get(uid);
    if (name === undefined) return;
    this.#places.delete(uid);
    const info = this.#nodes.get(name)!;
    info.remove(uid);
    if (info.node === undefined && info.pods.size === 0) this.#nodes.delete(name);
  }
}
