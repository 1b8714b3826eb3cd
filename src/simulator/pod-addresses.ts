import { isIPv6 } from "../base/ip.ts";

/**
 * Addresses of simulated pods: each node gives out those of its own range, in order, and takes back those of pods that
 * are gone. The first two of a range (the network's and the bridge's) are not given out, nor is the last.
 */
export class PodAddresses {
  readonly #ranges = new Map<string, Range>();

  /** The address of a pod, the same each time; undefined where the node has no range, or none left in it. */
  of(node: string, podCidr: string | undefined, uid: string): string | undefined {
    let range = this.#ranges.get(node);
    if (!range || range.cidr !== podCidr) {
      if (podCidr === undefined || isIPv6(podCidr.split("/")[0]!)) return undefined;
      range = new Range(podCidr);
      this.#ranges.set(node, range);
    }
    return range.take(uid);
  }

  /** Takes in the address that a pod has already. */
  keep(node: string, podCidr: string | undefined, uid: string, address: string): void {
    if (this.of(node, podCidr, uid) !== undefined) this.#ranges.get(node)!.assign(uid, address);
  }

  release(node: string, uid: string): void {
    this.#ranges.get(node)?.release(uid);
  }

  removeNode(node: string): void {
    this.#ranges.delete(node);
  }
}

class Range {
  readonly cidr: string;
  readonly #base: number;
  readonly #size: number;
  readonly #pods = new Map<string, number>();
  readonly #used = new Set<number>();
  #next = 2;

  constructor(cidr: string) {
    this.cidr = cidr;
    const [address = "", bits = "24"] = cidr.split("/");
    this.#base = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
    this.#size = 2 ** (32 - Number(bits));
  }

  take(uid: string): string | undefined {
    const known = this.#pods.get(uid);
    if (known !== undefined) return this.#text(known);
    // Round the range, so that an address is not at once another pod's.
    for (let tried = 0; tried < this.#size - 3; tried++) {
      const offset = this.#next;
      this.#next = this.#next >= this.#size - 2 ? 2 : this.#next + 1;
      if (!this.#used.has(offset)) {
        this.#set(uid, offset);
        return this.#text(offset);
      }
    }
    return undefined;
  }

  assign(uid: string, address: string): void {
    const offset = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0) - this.#base;
    if (offset < 0 || offset >= this.#size) return;
    this.release(uid);
    this.#set(uid, offset);
  }

  release(uid: string): void {
    const offset = this.#pods.get(uid);
    if (offset === undefined) return;
    this.#pods.delete(uid);
    this.#used.delete(offset);
  }

  #set(uid: string, offset: number): void {
    this.#pods.set(uid, offset);
    this.#used.add(offset);
  }

  #text(offset: number): string {
    const value = this.#base + offset;
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
  }
}
