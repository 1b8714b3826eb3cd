/** `kill -9` of an API server on its embedded store, again and again, while clients write and watch. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { configMaps, ipAddresses, services } from "../../src/api/resource-types.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../src/api/status-error.ts";
import type { ConfigMap } from "../../src/api/types/core.v1.ts";
import { testCertificates } from "../../src/apiserver/https.fixture.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { client as apiClient } from "../../src/client/api-client.ts";
import type { Client } from "../../src/client/client.ts";
import { httpsTransport } from "../../src/client/https-transport.ts";
import type { Transport } from "../../src/client/transport.ts";
import { eventually } from "../e2e/cluster.fixture.ts";

const ROUNDS = 4;
const WRITERS = 8;
const { clock, network } = systemMachine({ keepAlive: true });
const certificates = testCertificates();
const admin = certificates.user("admin", ["system:masters"]);
let directory: string;
let child: ChildProcess | undefined;
let transport: Transport | undefined;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-torture-"));
  const serving = certificates.server("kube-apiserver");
  await writeFile(join(directory, "ca.crt"), certificates.authority.certificatePem);
  await writeFile(join(directory, "tls.crt"), serving.certificatePem);
  await writeFile(join(directory, "tls.key"), serving.privateKeyPem!);
});
after(async () => {
  child?.kill("SIGKILL");
  await transport?.close();
  await rm(directory, { recursive: true, force: true });
});

async function start(): Promise<Client> {
  const fixture = new URL("./api-server.fixture.ts", import.meta.url).pathname;
  child = spawn(process.execPath, [fixture, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const [port] = (await once(createInterface(child.stdout!), "line")) as [string];
  await transport?.close();
  transport = httpsTransport({
    network,
    clock,
    server: `https://127.0.0.1:${port}`,
    ca: certificates.authority.certificatePem,
    certificate: admin.certificatePem,
    key: admin.privateKeyPem!,
  });
  return apiClient(transport, { userAgent: "torture" });
}

async function kill(): Promise<void> {
  const gone = once(child!, "exit");
  child!.kill("SIGKILL");
  await gone;
}

/** 500 to 8,500 characters that tell whether they are whole. */
const content = (writer: number, step: number) =>
  `${writer}/${step};`.repeat(100 + ((writer * 31 + step * 17) % 16) * 100);
const isWhole = (text: string) => text === text.slice(0, text.indexOf(";") + 1).repeat(text.split(";").length - 1);

/** What a writer was told last about its object: a version, or that it is gone. */
interface Acknowledged {
  step: number;
  version: number;
  gone: boolean;
}

test("nothing acknowledged is lost or torn, no version is given out twice, and watches have no gap and no repeat", async () => {
  const acknowledged = new Map<number, Acknowledged>();
  /** The versions of all acknowledged writes. */
  const versions = new Set<number>();
  const seen: { version: number; name: string; type: string }[] = [];
  let highest = 0;
  let watched = "";

  for (let round = 0; round < ROUNDS; round++) {
    const client = await start();
    const resource = client.resource(configMaps);
    const before = await resource.list({ namespace: "default" });
    check(before.items, acknowledged);
    watched ||= before.metadata!.resourceVersion!;
    assert.ok(Number(before.metadata?.resourceVersion) >= highest, "the server went back in time");

    const write = async (writer: number) => {
      const name = `w-${writer}`;
      let object = before.items.find(({ metadata }) => metadata?.name === name);
      let step = object ? Number(object.data!.text!.split(/[/;]/)[1]) : (acknowledged.get(writer)?.step ?? 0);
      for (;;) {
        step++;
        const gone = object !== undefined && step % 7 === 0;
        if (gone) await resource.delete(name, "default", { preconditions: { uid: object?.metadata?.uid } });
        else if (object) object = await resource.update({ ...object, data: { text: content(writer, step) } });
        else
          object = await resource.create({
            metadata: { name, namespace: "default" },
            data: { text: content(writer, step) },
          });
        const version = gone ? 0 : Number(object!.metadata!.resourceVersion);
        if (!gone) {
          assert.ok(!versions.has(version), `version ${version} was given out twice`);
          assert.ok(version > (acknowledged.get(writer)?.version ?? 0), "a version went back");
          versions.add(version);
          highest = Math.max(highest, version);
        }
        acknowledged.set(writer, { step, version: version || (acknowledged.get(writer)?.version ?? 0), gone });
        if (gone) object = undefined;
      }
    };
    const watching = (async () => {
      for (;;) {
        for await (const event of resource.watch({ namespace: "default", resourceVersion: watched })) {
          assert.ok(event.type !== "ERROR" && event.type !== "BOOKMARK", JSON.stringify(event));
          watched = event.object.metadata!.resourceVersion!;
          seen.push({ version: Number(watched), name: event.object.metadata!.name!, type: event.type });
        }
      }
    })();
    // Services too, whose creation is several writes.
    const serve = async () => {
      for (let index = 0; ; index++) {
        await client.resource(services).create({
          metadata: { name: `s-${round}-${index}`, namespace: "default" },
          spec: { type: "NodePort", ports: [{ port: 80 }] },
        });
      }
    };
    const enough = versions.size + 150;
    const writers = [watching, serve(), ...Array.from({ length: WRITERS }, (_, writer) => write(writer))];
    const outcomes = Promise.allSettled(writers);
    await eventually("enough writes", async () => versions.size >= enough);
    await kill();
    for (const outcome of await outcomes) {
      // Only what comes of the connection's end is expected.
      const { reason } = outcome as PromiseRejectedResult;
      const broken =
        reason?.name === "ConnectionError" || isConflict(reason) || isNotFound(reason) || isAlreadyExists(reason);
      if (!broken) throw reason;
    }
  }

  const client = await start();
  const { items, metadata } = await client.resource(configMaps).list({ namespace: "default" });
  check(items, acknowledged);
  // The rest of the story, for the watch that ended with the process.
  const end = Number(metadata?.resourceVersion);
  for await (const event of client
    .resource(configMaps)
    .watch({ namespace: "default", resourceVersion: watched, timeoutSeconds: 1 })) {
    assert.ok(event.type !== "ERROR" && event.type !== "BOOKMARK", JSON.stringify(event));
    seen.push({
      version: Number(event.object.metadata!.resourceVersion),
      name: event.object.metadata!.name!,
      type: event.type,
    });
  }
  assert.ok(
    seen.every(({ version }, index) => index === 0 || version > seen[index - 1]!.version),
    "out of order, or twice",
  );
  const told = new Set(seen.map(({ version }) => version));
  assert.deepEqual(
    [...versions].filter((version) => version <= end && !told.has(version)),
    [],
    "missed by the watch",
  );
  const alive = new Set<string>();
  for (const { name, type } of seen.filter(({ name }) => name.startsWith("w-"))) {
    assert.equal(type, alive.has(name) ? (type === "ADDED" ? "nothing added twice" : type) : "ADDED", name);
    if (type === "DELETED") alive.delete(name);
    else alive.add(name);
  }
  const present = items.map((item) => item.metadata!.name!).filter((name) => name.startsWith("w-"));
  assert.deepEqual([...alive].sort(), present.sort());

  const { items: all } = await client.resource(services).list();
  const { items: addresses } = await client.resource(ipAddresses).list();
  const names = new Set(addresses.map((address) => address.metadata!.name!));
  const ips = all.map(({ spec }) => spec!.clusterIP!);
  const ports = all.flatMap(({ spec }) => spec!.ports!.map(({ nodePort }) => nodePort)).filter(Boolean);
  assert.ok(all.length > ROUNDS);
  assert.ok(
    ips.every((ip) => names.has(ip)),
    "an address without its object",
  );
  assert.deepEqual([new Set(ips).size, new Set(ports).size], [ips.length, ports.length], "given out twice");
  await kill();
});

function check(items: readonly ConfigMap[], acknowledged: ReadonlyMap<number, Acknowledged>): void {
  for (const [writer, last] of acknowledged) {
    const item = items.find(({ metadata }) => metadata?.name === `w-${writer}`);
    const text = item?.data?.text;
    // The step after the last acknowledged one may have been written too.
    if (!item) assert.ok(last.gone || (last.step + 1) % 7 === 0, `writer ${writer} lost step ${last.step}`);
    else {
      const step = Number(text!.split(/[/;]/)[1]);
      const same = step === last.step && !last.gone && Number(item.metadata?.resourceVersion) === last.version;
      assert.ok(same || step === last.step + 1, `writer ${writer} is at ${step}, not at ${last.step}`);
      assert.ok(isWhole(text!) && text === content(writer, step), `writer ${writer} has a torn object`);
    }
  }
}
