import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigMap, Container, Pod, Secret, Service } from "../../api/types/core.v1.ts";
import { fieldValue, formatMap, resourceValue } from "./downward-api.ts";
import { type EnvironmentSources, environment } from "./environment.ts";
import { expand, expandStrictly } from "./expansion.ts";
import { serviceEnvironment, servicesFor } from "./service-environment.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const configMaps: Record<string, ConfigMap> = { c: { data: { A: "from c", "bad=name": "x" } }, empty: {} };
const secrets: Record<string, Secret> = { s: { data: { B: base64("from s") } } };
const facts = { hostIps: ["192.168.0.1"], podIps: ["10.0.0.1", "fd00::1"], allocatable: { cpu: "2", memory: "4Gi" } };

async function values(container: Partial<Container>, more: Partial<EnvironmentSources> = {}) {
  const full = { name: "app", ...container };
  const pod: Pod = { metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [full] } };
  const skipped: string[] = [];
  const result = await environment(pod, full, {
    configMap: async (_, name) => configMaps[name],
    secret: async (_, name) => secrets[name],
    volumeFile: async (_, path) =>
      ({ "a.env": "# made by init\nA='one'\n\n B='two\nlines' # why\nA='last'", bad: "A=1" })[path],
    services: new Map(),
    facts,
    onSkipped: (message) => skipped.push(message),
    ...more,
  });
  return { values: Object.fromEntries(result), skipped };
}

test("$(NAME) is replaced where NAME is known", () => {
  const lookup = (name: string) => ({ A: "1", B: "" })[name];
  for (const [text, expected] of [
    ["plain", "plain"],
    ["$(A)", "1"],
    ["$(A)$(B)x", "1x"],
    ["$(NONE)", "$(NONE)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$$", "$"],
    ["$A", "$A"],
    ["$(A", "$(A"],
    ["cost: 5$", "cost: 5$"],
  ] as const) {
    assert.equal(expand(text, lookup), expected, text);
  }
  assert.throws(() => expandStrictly("$(NONE)", lookup), /missing value for "NONE"/);
});

test("env comes over envFrom, which comes over the variables of Services", async () => {
  const services = new Map([
    ["A", "service"],
    ["DB_HOST", "10.1.1.1"],
  ]);
  const { values: result, skipped } = await values(
    {
      envFrom: [{ configMapRef: { name: "c" } }, { prefix: "S_", secretRef: { name: "s" } }],
      env: [
        { name: "X", value: "$(A) on $(DB_HOST)" },
        { name: "Y", value: "$(X)!" },
        { name: "S_B", value: "mine" },
      ],
    },
    { services },
  );
  assert.deepEqual(result, {
    A: "from c",
    S_B: "mine",
    X: "from c on 10.1.1.1",
    Y: "from c on 10.1.1.1!",
    DB_HOST: "10.1.1.1",
  });
  assert.deepEqual(skipped, [
    "Keys [bad=name] from the EnvFrom configMap n/c were skipped since they are considered invalid environment variable names.",
  ]);
});

test("a missing source is an error unless it is optional", async () => {
  const key = (name: string, optional?: boolean) => ({
    env: [{ name: "V", valueFrom: { configMapKeyRef: { name, key: "missing", ...(optional ? { optional } : {}) } } }],
  });
  await assert.rejects(values({ envFrom: [{ configMapRef: { name: "no" } }] }), /^Error: configmap "no" not found$/);
  await assert.rejects(values({ envFrom: [{ secretRef: { name: "no" } }] }), /^Error: secret "no" not found$/);
  await assert.rejects(values(key("no")), /^Error: configmap "no" not found$/);
  await assert.rejects(values(key("c")), /^Error: couldn't find key missing in ConfigMap n\/c$/);
  assert.deepEqual((await values(key("no", true))).values, {});
  assert.deepEqual((await values({ envFrom: [{ configMapRef: { name: "empty" } }] })).values, {});
});

test("a file of a volume", async () => {
  const from = (path: string, key: string, optional = false) =>
    values({ env: [{ name: "V", valueFrom: { fileKeyRef: { volumeName: "v", path, key, optional } } }] });
  assert.deepEqual((await from("a.env", "A")).values, { V: "last" });
  assert.deepEqual((await from("a.env", "B")).values, { V: "two\nlines" });
  assert.deepEqual((await from("a.env", "C", true)).values, {});
  assert.deepEqual((await from("none", "A", true)).values, {});
  await assert.rejects(from("none", "A"), /file "none" not found in volume "v"/);
  await assert.rejects(from("a.env", "C"), /environment variable key "C" not found in file "a.env"/);
  await assert.rejects(from("bad", "A"), /invalid environment variable format at line 1/);
});

test("the downward API", () => {
  const pod: Pod = {
    metadata: { name: "p", namespace: "n", uid: "u", labels: { b: "2", a: 'say "hi"\n' }, annotations: { "x/y": "z" } },
    spec: {
      nodeName: "node",
      serviceAccountName: "sa",
      containers: [{ name: "app", resources: { limits: { cpu: "1500m" }, requests: { memory: "100Mi" } } }],
    },
  };
  const field = (fieldPath: string) => fieldValue(pod, { fieldPath }, facts);
  assert.equal(field("metadata.labels['b']"), "2");
  assert.equal(field("metadata.annotations['x/y']"), "z");
  assert.equal(field("metadata.labels['none']"), "");
  assert.equal(field("status.podIPs"), "10.0.0.1,fd00::1");
  assert.equal(field("status.hostIP"), "192.168.0.1");
  assert.equal(field("spec.serviceAccountName"), "sa");
  assert.throws(() => field("spec.other"), /unsupported fieldPath/);
  assert.equal(formatMap(pod.metadata?.labels), 'a="say \\"hi\\"\\n"\nb="2"');

  const resource = (name: string, divisor?: string) =>
    resourceValue(pod, { resource: name, ...(divisor ? { divisor } : {}) }, "app", facts);
  assert.equal(resource("limits.cpu"), "2");
  assert.equal(resource("limits.cpu", "1m"), "1500");
  assert.equal(resource("requests.memory", "1Mi"), "100");
  // A limit that isn't set is the node's.
  assert.equal(resource("limits.memory", "1Gi"), "4");
  assert.equal(resource("requests.cpu"), "0");
});

test("Services as variables", () => {
  const service = (
    name: string,
    namespace: string,
    clusterIP: string,
    ports: { name?: string; port: number }[],
  ): Service => ({
    metadata: { name, namespace },
    spec: { clusterIP, ports: ports.map((port) => ({ protocol: "TCP", ...port })) },
  });
  const all = [
    service("kubernetes", "default", "10.96.0.1", [{ name: "https", port: 443 }]),
    service("my-db", "n", "10.96.0.5", [{ name: "sql-main", port: 5432 }, { port: 80 }]),
    service("headless", "n", "None", [{ port: 1 }]),
  ];
  assert.deepEqual(
    servicesFor("n", false, all).map(({ metadata }) => metadata?.name),
    ["kubernetes"],
  );
  assert.deepEqual(Object.fromEntries(serviceEnvironment(servicesFor("n", true, all.slice(1)))), {
    MY_DB_SERVICE_HOST: "10.96.0.5",
    MY_DB_SERVICE_PORT: "5432",
    MY_DB_SERVICE_PORT_SQL_MAIN: "5432",
    MY_DB_PORT: "tcp://10.96.0.5:5432",
    MY_DB_PORT_5432_TCP: "tcp://10.96.0.5:5432",
    MY_DB_PORT_5432_TCP_PROTO: "tcp",
    MY_DB_PORT_5432_TCP_PORT: "5432",
    MY_DB_PORT_5432_TCP_ADDR: "10.96.0.5",
    MY_DB_PORT_80_TCP: "tcp://10.96.0.5:80",
    MY_DB_PORT_80_TCP_PROTO: "tcp",
    MY_DB_PORT_80_TCP_PORT: "80",
    MY_DB_PORT_80_TCP_ADDR: "10.96.0.5",
  });
});
