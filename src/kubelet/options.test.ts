import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlagValues } from "../base/flags.ts";
import { readConfiguration } from "./configuration.ts";
import { defaultSettings, type kubeletFlags, kubeletOptions } from "./options.ts";

const host = { hostname: "Host-1", address: "10.0.0.1" };
const flags = (more: Partial<FlagValues<typeof kubeletFlags>> = {}) =>
  ({
    kubeconfig: "k",
    "root-dir": "/var/lib/kubelet",
    "node-ip": [],
    "node-labels": [],
    ...more,
  }) as unknown as FlagValues<typeof kubeletFlags>;
const file = (fields: object) => ({
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  kind: "KubeletConfiguration",
  ...fields,
});

test("without anything given, upstream's defaults hold", () => {
  const { settings, server } = kubeletOptions(flags(), undefined, host);
  assert.deepEqual(
    settings,
    defaultSettings({ nodeName: "host-1", nodeIps: ["10.0.0.1"], rootDir: "/var/lib/kubelet" }),
  );
  assert.deepEqual(server, {});
});

test("the file counts more than the defaults, and flags count more than the file", () => {
  const configuration = file({
    maxPods: 50,
    clusterDNS: ["10.96.0.10"],
    evictionHard: { "memory.available": "200Mi" },
    crashLoopBackOff: { maxContainerRestartPeriod: "1m" },
    authentication: { x509: { clientCAFile: "/ca.pem" }, anonymous: { enabled: false } },
    containerLogMaxSize: "1Mi",
    port: 10350,
  });
  const given = flags({
    "max-pods": 60,
    "kube-reserved": ["cpu=100m", "memory=1Gi"],
    "register-with-taints": ["dedicated=db:NoSchedule"],
    "node-labels": ["tier=back"],
  });
  const { settings, server } = kubeletOptions(given, configuration, host);
  assert.equal(settings.maxPods, 60);
  assert.deepEqual(settings.clusterDns, ["10.96.0.10"]);
  assert.deepEqual(settings.evictionHard, { "memory.available": "200Mi" });
  assert.equal(settings.maxContainerRestartPeriod, 60_000);
  assert.equal(settings.containerLogMaxSize, 1024 * 1024);
  assert.equal(settings.port, 10350);
  assert.deepEqual(settings.kubeReserved, { cpu: "100m", memory: "1Gi" });
  assert.deepEqual(settings.registerWithTaints, [{ key: "dedicated", value: "db", effect: "NoSchedule" }]);
  assert.deepEqual(settings.nodeLabels, { tier: "back" });
  assert.deepEqual(server, { clientCaFile: "/ca.pem", port: 10350 });
});

test("what is not supported is refused, never ignored", () => {
  const refused = (fields: object, message: RegExp) => assert.throws(() => readConfiguration(file(fields)), message);
  refused({ cpuManagerPolicy: "static" }, /cpuManagerPolicy: only "none" is supported/);
  refused({ staticPodURL: "http://x" }, /field staticPodURL is not supported/);
  refused({ authentication: { webhook: { cacheTTL: "2m" } } }, /authentication\.webhook\.cacheTTL is not supported/);
  refused({ maxPods: "many" }, /maxPods: "many" is not an integer/);
  refused({ syncFrequency: "soon" }, /syncFrequency: time: invalid duration/);
  assert.throws(() => readConfiguration({ kind: "Pod" }), /must be a KubeletConfiguration/);
  assert.throws(
    () => kubeletOptions(flags(), file({ evictionHard: { "moon.available": "1" } }), host),
    /not supported/,
  );
  assert.throws(() => kubeletOptions(flags({ "node-labels": ["x"] }), undefined, host), /--node-labels/);
  assert.throws(() => kubeletOptions(flags(), undefined, { hostname: "h" }), /--node-ip/);
});
