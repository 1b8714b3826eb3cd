import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { decode, encode, type Packet } from "dns-packet";
import type { KubeObject, ResourceType } from "../api/object.ts";
import { systemClock } from "../base/clock.ts";
import { silentLogger } from "../base/logger.ts";
import { systemNetwork } from "../base/network.ts";
import { seededRandom } from "../base/random.ts";
import type { Informer, InformerFactory } from "../client/informer.ts";
import { type Dns, startDns } from "./dns.ts";
import { forwarder, nameservers } from "./forwarder.ts";

const ADDRESS = "127.0.0.1";
const services = Array.from({ length: 60 }, (_, index) => ({
  metadata: { name: `s${index}`, namespace: "default" },
  spec: { clusterIP: `10.96.0.${index + 1}`, clusterIPs: [`10.96.0.${index + 1}`] },
}));
const endpoints = Array.from({ length: 60 }, (_, index) => ({ addresses: [`10.244.0.${index + 1}`] }));
const objects: Record<string, KubeObject[]> = {
  namespaces: [{ metadata: { name: "default" } }],
  services: [
    ...services,
    {
      metadata: { name: "many", namespace: "default" },
      spec: { clusterIP: "None", clusterIPs: ["None"] },
    } as KubeObject,
    {
      metadata: { name: "out", namespace: "default" },
      spec: { type: "ExternalName", externalName: "outside.test" },
    } as KubeObject,
  ],
  endpointslices: [
    {
      metadata: { name: "many-1", namespace: "default", labels: { "kubernetes.io/service-name": "many" } },
      endpoints,
    } as KubeObject,
  ],
};

/** Informers over fixed objects. */
const informers: InformerFactory = {
  informer<T extends KubeObject>(type: ResourceType<T>): Informer<T> {
    const items = (objects[type.resource] ?? []) as T[];
    const indexes = new Map<string, (object: T) => readonly string[]>();
    const key = ({ metadata }: T) =>
      metadata!.namespace ? `${metadata!.namespace}/${metadata!.name}` : metadata!.name!;
    return {
      type,
      synced: true,
      on: () => () => {},
      get: (name) => items.find((item) => key(item) === name),
      list: () => items,
      addIndex: (name, values) => void indexes.set(name, values),
      byIndex: (name, value) => items.filter((item) => indexes.get(name)!(item).includes(value)),
    };
  },
  start() {},
  synced: async () => {},
  stop: async () => {},
};

let dns: Dns | undefined;
let upstream: ReturnType<typeof createSocket>;
let port: number;

before(async () => {
  upstream = createSocket("udp4");
  upstream.on("message", (message, peer) => {
    const query = decode(message);
    const name = query.questions![0]!.name;
    upstream.send(
      encode({
        id: query.id,
        type: "response",
        questions: query.questions,
        answers: [{ type: "A", name, ttl: 60, data: "192.0.2.7" }],
      }),
      peer.port,
      peer.address,
    );
  });
  upstream.bind(0, ADDRESS);
  await once(upstream, "listening");
  const random = seededRandom(1);
  const clock = systemClock();
  const start = (port: number) =>
    startDns({
      informers,
      network: systemNetwork,
      clock,
      random,
      logger: silentLogger,
      forwarder: forwarder({
        network: systemNetwork,
        clock,
        random,
        upstreams: [ADDRESS],
        port: upstream.address().port,
      }),
      address: ADDRESS,
      port,
    });
  // A port that is free for UDP may be taken for TCP, by anybody's connection: then the next one is tried.
  for (let attempt = 0; ; attempt++) {
    const probe = createSocket("udp4").bind(0, ADDRESS);
    await once(probe, "listening");
    port = probe.address().port;
    probe.close();
    await once(probe, "close");
    try {
      dns = await start(port);
      return;
    } catch (error) {
      if (attempt === 20 || (error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
});
after(async () => {
  upstream.close();
  await dns?.stop();
});

async function ask(
  name: string,
  type: "A" | "SRV" = "A",
  message?: Buffer,
): Promise<Packet & { rcode?: string; flag_tc?: boolean }> {
  const socket = createSocket("udp4");
  socket.send(
    message ?? encode({ id: 77, type: "query", flags: 0x0100, questions: [{ name, type, class: "IN" }] }),
    port,
    ADDRESS,
  );
  const [answer] = await once(socket, "message");
  socket.close();
  return decode(answer) as Packet & { rcode?: string; flag_tc?: boolean };
}
const addresses = (packet: Packet) => packet.answers!.map((record) => (record as { data: unknown }).data);

test("cluster names are answered, in any case, unknown ones denied with the zone's SOA", async () => {
  assert.deepEqual(addresses(await ask("S3.Default.svc.cluster.local")), ["10.96.0.4"]);
  const missing = await ask("nothing.default.svc.cluster.local");
  assert.equal(missing.rcode, "NXDOMAIN");
  assert.equal(missing.authorities![0]!.type, "SOA");
});

test("other names are forwarded, and an ExternalName is followed", async () => {
  assert.deepEqual(addresses(await ask("outside.test")), ["192.0.2.7"]);
  assert.deepEqual(addresses(await ask("out.default.svc.cluster.local")), ["outside.test", "192.0.2.7"]);
});

test("an answer too long for UDP is cut, and whole over TCP", async () => {
  assert.equal((await ask("many.default.svc.cluster.local")).flag_tc, true);
  const socket = connect(port, ADDRESS);
  const query = encode({ id: 5, type: "query", questions: [{ name: "many.default.svc.cluster.local", type: "A" }] });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk]);
    if (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) break;
  }
  socket.destroy();
  assert.equal(decode(received.subarray(2)).answers!.length, 60);
});

test("garbage gets FORMERR, and does no harm", async () => {
  const garbage = await ask("", "A", Buffer.concat([Buffer.from([0, 9, 1, 0]), Buffer.alloc(30, 0xff)]));
  assert.equal(garbage.rcode, "FORMERR");
  assert.equal((await ask("s1.default.svc.cluster.local")).id, 77);
});

test("nameservers are read from resolv.conf", () => {
  assert.deepEqual(nameservers("# x\nsearch a\nnameserver 192.0.2.1\n nameserver  2001:db8::1 \n"), [
    "192.0.2.1",
    "2001:db8::1",
  ]);
});
