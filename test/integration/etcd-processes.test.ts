/** Two kube-apiserver processes on one etcd, by upstream's flags; one of them dies. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { configMaps, ipAddresses, services } from "../../src/api/resource-types.ts";
import { testCertificates } from "../../src/apiserver/https.fixture.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { newKeyPair, privateKeyPem } from "../../src/base/x509.ts";
import { client as apiClient } from "../../src/client/api-client.ts";
import type { Client } from "../../src/client/client.ts";
import { httpsTransport } from "../../src/client/https-transport.ts";
import { eventually, freePort, root } from "../e2e/cluster.fixture.ts";
import { type Etcd, startEtcd, withoutEtcd } from "./etcd.fixture.ts";

const { clock, network } = systemMachine({ keepAlive: true });
const certificates = testCertificates();

describe("two processes on one etcd", { skip: withoutEtcd }, () => {
  let etcd: Etcd;
  let directory: string;
  const children: ChildProcess[] = [];
  const path = (name: string) => join(directory, name);

  before(async () => {
    etcd = await startEtcd();
    directory = await mkdtemp(join(tmpdir(), "knarr-etcd-processes-"));
    const serving = certificates.server("kube-apiserver");
    await writeFile(path("ca.crt"), certificates.authority.certificatePem);
    await writeFile(path("tls.crt"), serving.certificatePem);
    await writeFile(path("tls.key"), serving.privateKeyPem!);
    await writeFile(path("sa.key"), privateKeyPem(newKeyPair().privateKey));
  });
  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await etcd?.dispose();
    await rm(directory, { recursive: true, force: true });
  });

  async function start(advertise: string): Promise<{ child: ChildProcess; client: Client }> {
    const port = await freePort();
    const child = spawn(
      join(root, "knarr"),
      [
        "kube-apiserver",
        `--etcd-servers=${etcd.endpoint}`,
        `--etcd-cafile=${join(etcd.directory, "ca.crt")}`,
        `--etcd-certfile=${join(etcd.directory, "client.crt")}`,
        `--etcd-keyfile=${join(etcd.directory, "client.key")}`,
        "--etcd-prefix=cluster-a/",
        "--etcd-compaction-interval=1s",
        "--bind-address=127.0.0.1",
        `--advertise-address=${advertise}`,
        `--secure-port=${port}`,
        `--tls-cert-file=${path("tls.crt")}`,
        `--tls-private-key-file=${path("tls.key")}`,
        `--client-ca-file=${path("ca.crt")}`,
        "--service-account-issuer=https://kubernetes.default.svc",
        `--service-account-signing-key-file=${path("sa.key")}`,
        "--service-cluster-ip-range=10.96.0.0/24,fd00:10::/112",
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    children.push(child);
    const admin = certificates.user("admin", ["system:masters"]);
    const transport = httpsTransport({
      network,
      clock,
      server: `https://127.0.0.1:${port}`,
      ca: certificates.authority.certificatePem,
      certificate: admin.certificatePem,
      key: admin.privateKeyPem!,
    });
    const client = apiClient(transport, { userAgent: "test" });
    await eventually("a ready API server", async () => (await client.raw("/readyz")) !== undefined);
    return { child, client };
  }

  test("what one acknowledged the other has, also when the first is killed while etcd is compacted", async () => {
    const [a, b] = await Promise.all([start("192.0.2.1"), start("192.0.2.2")]);
    const acknowledged: string[] = [];
    const write = async (client: Client, which: string) => {
      for (let index = 0; ; index++) {
        const name = `${which}-${index}`;
        await client.resource(configMaps).create({ metadata: { name, namespace: "default" } });
        acknowledged.push(name);
        if (index % 5 !== 0) continue;
        const spec = { ports: [{ port: 80 }], type: "NodePort", ipFamilyPolicy: "RequireDualStack" };
        await client.resource(services).create({ metadata: { name: `s-${name}`, namespace: "default" }, spec });
      }
    };
    const writers = Promise.allSettled([write(a.client, "a"), write(a.client, "b"), write(b.client, "c")]);
    await eventually("some writes of each", async () => ["a", "b", "c"].every((w) => acknowledged.includes(`${w}-10`)));
    const gone = once(a.child, "exit");
    a.child.kill("SIGKILL");
    await gone;
    const count = acknowledged.length;
    await eventually("the other goes on", async () => acknowledged.length > count + 10);
    const { items } = await b.client.resource(configMaps).list({ namespace: "default" });
    const names = new Set(items.map(({ metadata }) => metadata!.name!));
    assert.deepEqual(
      acknowledged.slice(0, count).filter((name) => !names.has(name)),
      [],
    );
    b.child.kill("SIGTERM");
    await Promise.all([once(b.child, "exit"), writers]);

    const { client } = await start("192.0.2.3");
    const all = (await client.resource(services).list()).items;
    const ips = all.flatMap(({ spec }) => spec?.clusterIPs ?? []);
    const ports = all.flatMap(({ spec }) => spec?.ports?.map(({ nodePort }) => nodePort ?? 0) ?? []).filter(Boolean);
    assert.deepEqual([new Set(ips).size, new Set(ports).size], [ips.length, ports.length]);
    const objects = (await client.resource(ipAddresses).list()).items.map(({ metadata }) => metadata!.name!);
    assert.deepEqual(
      ips.filter((ip) => !objects.includes(ip)),
      [],
    );
    const store = await etcd.store("/cluster-a");
    assert.ok((await store.count("/services/specs/")) >= all.length);
    await store.close();
  });
});
