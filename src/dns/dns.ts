/**
 * The cluster's DNS: an ordinary API client that keeps Services and EndpointSlices in informers and answers from them,
 * over UDP and TCP; other names go to the host's nameservers. CoreDNS' place in a stock cluster.
 */
import type { Socket } from "node:net";
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  RECURSION_AVAILABLE,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import { endpointSlices, namespaces, services } from "../api/resource-types.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { Random } from "../base/random.ts";
import type { InformerFactory } from "../client/informer.ts";
import type { Forwarder } from "./forwarder.ts";
import { RECORD_TTL_SECONDS, type Resolution, resolve, resolveReverse, type ServiceDirectory } from "./records.ts";

export interface DnsOptions {
  informers: InformerFactory;
  network: Network;
  clock: Clock;
  random: Random;
  logger: Logger;
  forwarder: Forwarder;
  /** The cluster domain. Default `cluster.local`. */
  domain?: string;
  /** Where to listen, UDP and TCP. */
  address: string;
  port: number;
}

export interface Dns {
  stop(): Promise<void>;
}

/** The response codes of RFC 1035 that are used here. */
const NOERROR = 0;
const FORMERR = 1;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const NOTIMP = 4;
/** What fits in a UDP answer where the client announces no more. */
const PLAIN_UDP_BYTES = 512;
/** What is answered over UDP at most, whatever the client announces (DNS flag day 2020). */
const MAX_UDP_BYTES = 1232;
/** Idle TCP connections are closed after this long. */
const TCP_IDLE_MS = 10_000;

/** Starts answering; resolves when the sockets listen. Register it before the informer factory is started. */
export async function startDns(options: DnsOptions): Promise<Dns> {
  const { network, logger, random, forwarder, address, port } = options;
  const zone = options.domain ?? "cluster.local";
  const directory = serviceDirectory(options.informers);

  const answerQuery = async (query: Packet): Promise<Packet> => {
    const question = query.questions?.[0];
    const reply = (rcode: number, resolution?: Resolution, authoritative = true): Packet => ({
      id: query.id,
      type: "response",
      flags: (authoritative ? AUTHORITATIVE_ANSWER : 0) | RECURSION_AVAILABLE | ((query.flags ?? 0) & 0x0100) | rcode,
      questions: query.questions,
      answers: resolution ? shuffle([...resolution.answers], random) : [],
      additionals: [...(resolution?.additionals ?? [])],
      authorities: authoritative && (resolution?.answers.length ?? 0) === 0 ? [startOfAuthority(zone)] : [],
    });
    if (((query.flags ?? 0) & 0x7800) !== 0) return reply(NOTIMP, undefined, false);
    if (query.questions?.length !== 1 || !question) return reply(FORMERR, undefined, false);
    const name = question.name.toLowerCase().replace(/\.$/, "");
    if (name === zone || name.endsWith(`.${zone}`)) {
      const resolution = resolve(directory, zone, name, question.type);
      const alias = resolution.answers.find((record) => record.type === "CNAME");
      if (alias && question.type !== "CNAME") return followAlias(query, question.type, alias, reply);
      return reply(resolution.exists ? NOERROR : NXDOMAIN, resolution);
    }
    const reverse = question.type === "PTR" ? resolveReverse(directory, zone, name) : undefined;
    if (reverse) return reply(NOERROR, reverse);
    try {
      return await forwarder.forward({
        ...query,
        additionals: query.additionals?.filter((record) => record.type === "OPT"),
      });
    } catch (error) {
      logger.debug("no upstream nameserver answered", { name, error });
      return reply(SERVFAIL, undefined, false);
    }
  };

  /** The alias of an ExternalName Service, and what it stands for. */
  const followAlias = async (
    query: Packet,
    type: string,
    alias: Answer,
    reply: (rcode: number, resolution?: Resolution) => Packet,
  ): Promise<Packet> => {
    const target = (alias as { data: string }).data;
    const answer = await answerQuery({ ...query, questions: [{ name: target, type: type as "A", class: "IN" }] });
    return { ...reply(NOERROR), answers: [alias, ...(answer.answers ?? [])], authorities: [] };
  };

  const handle = async (message: Buffer): Promise<{ query: Packet; response: Packet } | undefined> => {
    let query: Packet;
    try {
      query = decode(message);
    } catch {
      // Too broken to name its parts: the id alone can be answered.
      if (message.length < 12) return undefined;
      query = { id: message.readUInt16BE(0), questions: [] };
    }
    if (query.type === "response") return undefined;
    return { query, response: await answerQuery(query) };
  };

  const udp = network.dgram.createSocket(address.includes(":") ? "udp6" : "udp4");
  udp.on("message", (message, peer) => {
    handle(message)
      .then((result) => {
        if (result) udp.send(encodeUdp(result.query, result.response), peer.port, peer.address);
      })
      .catch((error) => logger.error("a query could not be answered", { error }));
  });

  const connections = new Set<Socket>();
  const tcp = network.net.createServer((socket) => {
    connections.add(socket);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => connections.delete(socket));
    let pending: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const end = 2 + pending.readUInt16BE(0);
        const message = pending.subarray(2, end);
        pending = pending.subarray(end);
        handle(message)
          .then((result) => {
            if (!result || socket.destroyed) return;
            const bytes = encode(result.response);
            const length = Buffer.alloc(2);
            length.writeUInt16BE(bytes.length);
            socket.write(Buffer.concat([length, bytes]));
          })
          .catch((error) => logger.error("a query could not be answered", { error }));
      }
    });
  });

  const listening = Promise.all([
    new Promise<void>((done, reject) => {
      udp.once("error", reject);
      udp.bind(port, address, () => {
        udp.off("error", reject);
        udp.on("error", (error) => logger.error("the UDP socket failed", { error }));
        done();
      });
    }),
    new Promise<void>((done, reject) => {
      tcp.once("error", reject);
      tcp.listen(port, address, () => {
        tcp.off("error", reject);
        tcp.on("error", (error) => logger.error("the TCP socket failed", { error }));
        done();
      });
    }),
  ]);
  try {
    await listening;
  } catch (error) {
    udp.close();
    tcp.close();
    throw error;
  }
  logger.info("answering", { address, port, zone });

  return {
    async stop() {
      for (const socket of connections) socket.destroy();
      await Promise.all([
        new Promise<void>((done) => udp.close(() => done())),
        new Promise<void>((done) => tcp.close(() => done())),
      ]);
    },
  };
}

/** The informers, seen as a directory of Services. */
export function serviceDirectory(informers: InformerFactory): ServiceDirectory {
  const serviceInformer = informers.informer(services);
  const sliceInformer = informers.informer(endpointSlices);
  const namespaceInformer = informers.informer(namespaces);
  serviceInformer.addIndex("address", (service) => service.spec?.clusterIPs?.filter((ip) => ip !== "None") ?? []);
  sliceInformer.addIndex("address", (slice) => [
    ...new Set((slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses)),
  ]);
  sliceInformer.addIndex("service", (slice) => {
    const service = slice.metadata?.labels?.["kubernetes.io/service-name"];
    return service ? [`${slice.metadata!.namespace}/${service}`] : [];
  });
  return {
    service: (namespace, name) => serviceInformer.get(`${namespace}/${name}`),
    slices: (namespace, service) => sliceInformer.byIndex("service", `${namespace}/${service}`),
    byAddress: (address) => ({
      services: serviceInformer.byIndex("address", address),
      slices: sliceInformer.byIndex("address", address),
    }),
    namespaceExists: (namespace) => namespaceInformer.get(namespace) !== undefined,
  };
}

function encodeUdp(query: Packet, response: Packet): Buffer {
  const announced = query.additionals?.find((record) => record.type === "OPT")?.udpPayloadSize;
  const limit = Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, announced ?? PLAIN_UDP_BYTES));
  const bytes = encode(response);
  if (bytes.length <= limit) return bytes;
  return encode({
    ...response,
    flags: (response.flags ?? 0) | TRUNCATED_RESPONSE,
    answers: [],
    additionals: [],
    authorities: [],
  });
}

function startOfAuthority(zone: string): Answer {
  return {
    type: "SOA",
    name: zone,
    ttl: RECORD_TTL_SECONDS,
    data: {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: RECORD_TTL_SECONDS,
    },
  };
}

/** Puts address records in random order, so that clients which take the first spread over all. */
function shuffle(answers: Answer[], random: Random): Answer[] {
  for (let index = answers.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1));
    [answers[index], answers[other]] = [answers[other]!, answers[index]!];
  }
  return answers;
}
