import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod } from "../api/types/core.v1.ts";
import { seededRandom } from "../base/random.ts";
import { decide, explain } from "./algorithm.ts";
import type { Snapshot } from "./framework.ts";
import { podInfo } from "./node-info.ts";
import { defaultPlugins } from "./plugins/index.ts";
import { planPreemption } from "./preemption.ts";
import { node, pod, snapshot } from "./scheduling.fixture.ts";

/** The chosen node, or the message. */
function outcome(incoming: Pod, cluster: Snapshot): string {
  const { decision } = decide(podInfo(incoming), cluster, defaultPlugins, seededRandom(1));
  return decision.node ?? explain(decision, cluster.nodes.length);
}

const zone = (name: string) => ({ labels: { "topology.kubernetes.io/zone": name } });
const spread = (whenUnsatisfiable: string) => [
  {
    maxSkew: 1,
    topologyKey: "topology.kubernetes.io/zone",
    whenUnsatisfiable,
    labelSelector: { matchLabels: { app: "a" } },
  },
];
const term = (app: string) => ({ topologyKey: "topology.kubernetes.io/zone", labelSelector: { matchLabels: { app } } });
const A = { app: "a" };

const cases: { name: string; pod: Pod; cluster: Snapshot; expected: string }[] = [
  { name: "no nodes", pod: pod("p"), cluster: snapshot(), expected: "no nodes available to schedule pods" },
  { name: "it fits", pod: pod("p", { cpu: "4" }), cluster: snapshot([node("n1")]), expected: "n1" },
  {
    name: "what other pods requested counts",
    pod: pod("p", { cpu: "2", memory: "1Gi" }),
    cluster: snapshot([node("n1"), pod("q", { cpu: "3" })], [node("n2"), pod("r", { cpu: "2500m", memory: "7.5Gi" })]),
    expected: "0/2 nodes are available: 1 Insufficient memory, 2 Insufficient cpu.",
  },
  {
    name: "an init container's peak counts",
    pod: pod("p", { initContainers: [{ name: "i", image: "x", resources: { requests: { cpu: "5" } } }] }),
    cluster: snapshot([node("n1")]),
    expected: "0/1 nodes are available: 1 Insufficient cpu.",
  },
  {
    name: "the number of pods is limited",
    pod: pod("p"),
    cluster: snapshot([node("n1", { allocatable: { pods: "1" } }), pod("q")]),
    expected: "0/1 nodes are available: 1 Too many pods.",
  },
  {
    name: "extended resources",
    pod: pod("p", { containers: [{ name: "c", resources: { requests: { "example.com/gpu": "1" } } }] }),
    cluster: snapshot([node("n1")], [node("n2", { allocatable: { "example.com/gpu": "1" } })]),
    expected: "n2",
  },
  {
    name: "taints, cordons and node selectors each give their reason",
    pod: pod("p", { nodeSelector: { disk: "ssd" } }),
    cluster: snapshot(
      [node("n1", { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } })],
      [
        node("n2", {
          spec: { unschedulable: true, taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] },
        }),
      ],
      [node("n3")],
    ),
    expected:
      "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.",
  },
  {
    name: "a toleration opens the node; PreferNoSchedule only counts against it",
    pod: pod("p", { tolerations: [{ key: "k", operator: "Exists" }] }),
    cluster: snapshot(
      [node("n1", { spec: { taints: [{ key: "k", effect: "NoExecute" }] } })],
      [node("n2", { spec: { taints: [{ key: "other", effect: "PreferNoSchedule" }] } })],
    ),
    expected: "n1",
  },
  {
    name: "the emptier node wins",
    pod: pod("p", { cpu: "1" }),
    cluster: snapshot([node("n1"), pod("q", { cpu: "2", memory: "4Gi" })], [node("n2")]),
    expected: "n2",
  },
  {
    name: "preferred node affinity outweighs emptiness",
    pod: pod("p", {
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 10, preference: { matchExpressions: [{ key: "fast", operator: "Exists" }] } },
          ],
        },
      },
    }),
    cluster: snapshot([node("n1", { labels: { fast: "yes" } }), pod("q", { cpu: "2", memory: "4Gi" })], [node("n2")]),
    expected: "n1",
  },
  {
    name: "host ports are had once",
    pod: pod("p", { containers: [{ name: "c", ports: [{ containerPort: 80, hostPort: 80 }] }] }),
    cluster: snapshot([
      node("n1"),
      pod("q", { containers: [{ name: "c", ports: [{ containerPort: 1, hostPort: 80, hostIP: "10.0.0.1" }] }] }),
    ]),
    expected: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: "a hard spread constraint",
    pod: pod("p", { topologySpreadConstraints: spread("DoNotSchedule") }, A),
    cluster: snapshot(
      [node("n1", zone("x")), pod("q", {}, A)],
      [node("n2", zone("y")), pod("big", { cpu: "3", memory: "6Gi" })],
    ),
    expected: "n2",
  },
  {
    name: "a spread constraint that can't be met",
    pod: pod("p", { topologySpreadConstraints: spread("DoNotSchedule") }, A),
    cluster: snapshot(
      [node("n1", zone("x")), pod("q", {}, A)],
      [node("n2", { ...zone("y"), spec: { unschedulable: true } })],
      [node("n3")],
    ),
    expected:
      "0/3 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) didn't match pod topology spread constraints (missing required label), 1 node(s) were unschedulable.",
  },
  {
    name: "anti-affinity keeps away",
    pod: pod(
      "p",
      { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term("a")] } } },
      A,
    ),
    cluster: snapshot([node("n1", zone("x")), pod("q", {}, A)], [node("n2", zone("x"))]),
    expected: "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
  },
  {
    name: "another pod's anti-affinity keeps away",
    pod: pod("p", {}, A),
    cluster: snapshot([
      node("n1", zone("x")),
      pod("q", { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term("a")] } } }),
    ]),
    expected: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    name: "affinity draws together",
    pod: pod("p", { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term("a")] } } }),
    cluster: snapshot([node("n1", zone("x")), pod("q", { cpu: "3" }, A)], [node("n2", zone("y"))]),
    expected: "n1",
  },
  {
    name: "the first of a group may start anywhere",
    pod: pod("p", { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term("a")] } } }, A),
    cluster: snapshot([node("n1", zone("x"))]),
    expected: "n1",
  },
  {
    name: "a claim that does not exist",
    pod: pod("p", { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] }),
    cluster: snapshot([node("n1")]),
    expected: '0/1 nodes are available: persistentvolumeclaim "data" not found.',
  },
];

for (const { name, pod: incoming, cluster, expected } of cases) {
  test(`deciding: ${name}`, () => assert.equal(outcome(incoming, cluster), expected));
}

function preempt(incoming: Pod, cluster: Snapshot, budgets: Parameters<typeof planPreemption>[4] = []) {
  const { decision } = decide(podInfo(incoming), cluster, defaultPlugins, seededRandom(1));
  assert.equal(decision.node, undefined);
  return planPreemption(
    podInfo(incoming),
    decision as Extract<typeof decision, { node: undefined }>,
    cluster,
    defaultPlugins,
    budgets,
  );
}

test("preemption takes as few and as unimportant pods as will do", () => {
  const plan = preempt(
    pod("p", { cpu: "2", priority: 100 }),
    snapshot(
      [node("n1"), pod("a", { cpu: "4", priority: 50 })],
      [
        node("n2"),
        pod("b", { cpu: "2", priority: 10 }),
        pod("c", { cpu: "1", priority: 20 }),
        pod("d", { cpu: "1", priority: 30 }),
      ],
      [node("n3"), pod("e", { cpu: "4", priority: 100 })],
    ),
  );
  assert.equal(plan.node, "n2");
  assert.deepEqual(plan.node && plan.victims.map((victim) => victim.metadata!.name), ["b"]);
});

test("preemption spares pods under a disruption budget", () => {
  const budget = {
    metadata: { namespace: "default" },
    spec: { selector: { matchLabels: A } },
    status: { disruptionsAllowed: 0 },
  };
  const plan = preempt(
    pod("p", { cpu: "2", priority: 100 }),
    snapshot([node("n1"), pod("a", { cpu: "4", priority: 1 }, A)], [node("n2"), pod("b", { cpu: "4", priority: 50 })]),
    [budget as never],
  );
  assert.equal(plan.node, "n2");
});

test("preemption that is of no use says so", () => {
  const full = preempt(
    pod("p", { cpu: "2" }),
    snapshot([node("n1"), pod("a", { cpu: "4" })], [node("n2", { spec: { unschedulable: true } })]),
  );
  assert.equal(
    full.node === undefined && full.message,
    "preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
  );
});
