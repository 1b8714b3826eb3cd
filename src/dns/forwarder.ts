import { decode, encode, type Packet } from "dns-packet";
import type { Clock } from "../base/clock.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";

/** Passes questions about names outside the cluster to the nameservers that the host uses. */
export interface Forwarder {
  /** The upstream's answer with the question's own id. Rejects where no upstream answers in time. */
  forward(query: Packet): Promise<Packet>;
}

/** How long one upstream may take, in ms, before the next is asked. */
const UPSTREAM_TIMEOUT_MS = 2000;

/** `upstreams` are IP addresses, port 53 unless `port` says otherwise; they are asked in order. */
export function forwarder(options: {
  network: Network;
  clock: Clock;
  random: Random;
  upstreams: readonly string[];
  port?: number;
}): Forwarder {
  const { network, clock, random, upstreams, port = 53 } = options;

  const overUdp = (upstream: string, query: Packet) =>
    new Promise<Packet>((resolve, reject) => {
      // A fresh socket has a fresh source port, which an off-path forger would have to guess along with the id.
      const socket = network.dgram.createSocket(upstream.includes(":") ? "udp6" : "udp4");
      const id = random.bytes(2).reduce((value, byte) => value * 256 + byte, 0);
      const finish = (settle: () => void) => {
        timer.cancel();
        socket.close();
        settle();
      };
      const timer = clock.after(UPSTREAM_TIMEOUT_MS, () =>
        finish(() => reject(new Error(`${upstream} did not answer`))),
      );
      socket.on("error", (error) => finish(() => reject(error)));
      socket.on("message", (message) => {
        let response: Packet;
        try {
          response = decode(message);
        } catch {
          return; // Not an answer to us: wait on for one that is.
        }
        if (response.id === id) finish(() => resolve({ ...response, id: query.id }));
      });
      socket.send(encode({ ...query, id }), port, upstream);
    });

  return {
    async forward(query) {
      let failure: unknown = new Error("no upstream nameserver is configured");
      for (const upstream of upstreams) {
        try {
          return await overUdp(upstream, query);
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
  };
}

/** The nameservers of a resolv.conf, in order. */
export function nameservers(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
}
