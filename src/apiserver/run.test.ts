import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { FlagValues } from "../base/flags.ts";
import { silentLogger } from "../base/logger.ts";
import { systemMachine } from "../base/machine.ts";
import { memoryStore } from "../store/memory.ts";
import { testCertificates } from "./https.fixture.ts";
import { apiServerFlags } from "./options.ts";
import { type RunApiServerOptions, runApiServer } from "./run.ts";
import { SIGNING_KEY } from "./server.fixture.ts";

type Values = FlagValues<typeof apiServerFlags>;
const certificates = testCertificates();
let directory: string;
const file = (name: string) => join(directory, name);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-run-"));
  const serving = certificates.server("kube-apiserver");
  const files = {
    "ca.crt": certificates.authority.certificatePem,
    "tls.crt": serving.certificatePem,
    "tls.key": serving.privateKeyPem!,
    "sa.key": SIGNING_KEY,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(file(name), content);
});
after(() => rm(directory, { recursive: true }));

/** The flags with their defaults, those that must be given, and `given`. */
function values(given: Partial<Values> = {}): Values {
  const defaults = Object.entries(apiServerFlags).map(([name, flag]) => [
    name,
    "default" in flag ? flag.default : undefined,
  ]);
  return {
    ...(Object.fromEntries(defaults) as Values),
    "data-dir": directory,
    "bind-address": "127.0.0.1",
    "advertise-address": "10.1.1.1",
    "secure-port": 0,
    "tls-cert-file": file("tls.crt"),
    "tls-private-key-file": file("tls.key"),
    "client-ca-file": file("ca.crt"),
    "service-account-issuer": ["https://kubernetes.default.svc"],
    "service-account-signing-key-file": file("sa.key"),
    ...given,
  };
}

function run(given: Partial<Values>, signal: AbortSignal, onInfo: RunApiServerOptions["logger"]["info"] = () => {}) {
  const logger = { ...silentLogger, info: onInfo, with: () => silentLogger };
  return runApiServer(
    { ...systemMachine(), logger, flags: values(given), openStore: async () => memoryStore() },
    signal,
  );
}

test("the server runs from its flags until it is asked to stop", async () => {
  const stop = new AbortController();
  const listening = Promise.withResolvers<number>();
  const running = run({}, stop.signal, (message, fields) => {
    if (message === "serving") listening.resolve(Number(fields?.["port"]));
  });
  const port = await Promise.race([listening.promise, running.then(() => 0)]);
  const user = certificates.user("admin", ["system:masters"]);
  const tls = { ca: certificates.authority.certificatePem, cert: user.certificatePem, key: user.privateKeyPem };
  const status = await new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path: "/api/v1/namespaces", agent: false, ...tls }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
  assert.equal(status, 200);
  stop.abort();
  await running;
});

test("flags that can't be used are refused by name", async () => {
  for (const [given, message] of [
    [{ "etcd-servers": ["http://127.0.0.1:2379"] }, /--data-dir and --etcd-servers exclude each other/],
    [{ "data-dir": undefined }, /--data-dir \(the embedded store\) or --etcd-servers is required/],
    [{ "etcd-cafile": "x" }, /--etcd-cafile needs --etcd-servers/],
    [{ "etcd-servers": ["https://a:1"], "data-dir": undefined, "etcd-keyfile": "x" }, /need each other/],
    [{ "etcd-servers": ["a:1"], "data-dir": undefined }, /"a:1" is not an endpoint of etcd/],
    [{ "etcd-servers-overrides": ["/events#https://a:1"] }, /--etcd-servers-overrides is not supported/],
    [{ "etcd-count-metric-poll-period": 60_000 }, /--etcd-count-metric-poll-period is not supported/],
    [{ "storage-media-type": "application/vnd.kubernetes.protobuf" }, /only application\/json/],
    [{ "storage-backend": "etcd2" }, /only etcd3/],
    [{ "allow-privileged": false }, /--allow-privileged=false is not supported/],
    [{ "advertise-address": undefined, "bind-address": "0.0.0.0" }, /--advertise-address is required/],
    [{ "advertise-address": "127.0.0.1" }, /loopback address/],
    [{ "kubelet-client-key": "x" }, /need each other/],
    [{ "runtime-config": ["apps/v1beta1=true"] }, /group version apps\/v1beta1 that has not been registered/],
    [{ "feature-gates": ["NoSuchGate=true"] }, /unrecognized feature gate: NoSuchGate/],
    [{ "authorization-mode": ["Webhook"] }, /Webhook's authorization config file not passed/],
    [{ "enable-admission-plugins": ["ImagePolicyWebhook"] }, /"ImagePolicyWebhook" is not supported/],
    [{ "audit-policy-file": "/nonexistent" }, /ENOENT/],
    [{ "audit-log-path": "/tmp/x", "audit-log-mode": "later" }, /invalid audit log mode later/],
    [{ "max-requests-inflight": -1 }, /--max-requests-inflight can not be negative value/],
    [{ "max-requests-inflight": 0, "max-mutating-requests-inflight": 0 }, /must add up to something positive/],
    [{ "goaway-chance": 1 }, /--goaway-chance can not be less than 0 or greater than 0\.02/],
    [{ "service-cluster-ip-range": ["10.0.0.0"] }, /invalid CIDR address: 10\.0\.0\.0/],
    [{ "service-node-port-range": "1-0" }, /invalid port range/],
    [{ "tls-cert-file": "/nonexistent" }, /ENOENT/],
  ] as [Partial<Values>, RegExp][]) {
    await assert.rejects(run(given, AbortSignal.abort()), message);
  }
});
