import assert from "node:assert/strict";
import { test } from "node:test";
import type { FlowSchema, PriorityLevelConfiguration } from "../../api/types/flowcontrol.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { requestInfo } from "../request-info.ts";
import { bootstrapLevels, bootstrapSchemas } from "./bootstrap-objects.ts";
import { allocate } from "./concurrency-allocation.ts";
import { danglingCondition } from "./dangling.ts";
import { planDefaults } from "./ensure.ts";
import { BORROWING_PERIOD_MS, FlowControl } from "./flow-control.ts";
import { FlowControlMetrics } from "./metrics.ts";
import { RetryAfter } from "./retry-after.ts";
import { estimateWork } from "./work-estimate.ts";

const levels = [...bootstrapLevels.mandatory, ...bootstrapLevels.suggested];
const schemas = [...bootstrapSchemas.mandatory, ...bootstrapSchemas.suggested];
const AUTHENTICATED = "system:authenticated";

function control(totalConcurrency = 600) {
  const clock = virtualClock();
  const metrics = new FlowControlMetrics(metricsRegistry(), clock);
  return { clock, control: new FlowControl({ clock, metrics, totalConcurrency }) };
}

const about = (method: string, target: string) => {
  const [path = "", query = ""] = target.split("?");
  return requestInfo({ method, path, query: new URLSearchParams(query) });
};

const CLASSES: [string, string, UserInfo, string, string][] = [
  ["GET", "/api/v1/pods", { name: "root", groups: ["system:masters", AUTHENTICATED] }, "exempt", "exempt"],
  ["GET", "/livez", { name: "system:anonymous", groups: ["system:unauthenticated"] }, "probes", "exempt"],
  ["GET", "/healthz/etcd", { name: "x", groups: [AUTHENTICATED] }, "probes", "exempt"],
  [
    "PUT",
    "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
    { name: "system:kube-scheduler", groups: [AUTHENTICATED] },
    "system-leader-election",
    "leader-election",
  ],
  [
    "PUT",
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1",
    { name: "system:node:n1", groups: ["system:nodes", AUTHENTICATED] },
    "system-node-high",
    "node-high",
  ],
  [
    "PATCH",
    "/api/v1/nodes/n1/status",
    { name: "system:node:n1", groups: ["system:nodes", AUTHENTICATED] },
    "system-node-high",
    "node-high",
  ],
  ["GET", "/api/v1/pods?watch=1", { name: "system:node:n1", groups: ["system:nodes"] }, "system-nodes", "system"],
  [
    "POST",
    "/api/v1/namespaces/a/pods",
    { name: "system:kube-controller-manager", groups: [AUTHENTICATED] },
    "kube-controller-manager",
    "workload-high",
  ],
  [
    "GET",
    "/api/v1/endpoints",
    { name: "system:serviceaccount:kube-system:coredns", groups: ["system:serviceaccounts", AUTHENTICATED] },
    "kube-system-service-accounts",
    "workload-high",
  ],
  [
    "GET",
    "/api/v1/endpoints",
    { name: "system:serviceaccount:a:b", groups: ["system:serviceaccounts", AUTHENTICATED] },
    "service-accounts",
    "workload-low",
  ],
  ["GET", "/api/v1/pods", { name: "jane", groups: [AUTHENTICATED] }, "global-default", "global-default"],
  ["GET", "/api/v1/pods", { name: "nobody", groups: [] }, "catch-all", "catch-all"],
];

test("requests find their flow schema and level", () => {
  const { control: flows } = control();
  flows.configure(levels, schemas);
  for (const [method, path, user, schema, level] of CLASSES) {
    const found = flows.classify(about(method, path), user);
    assert.deepEqual([found.schema.metadata?.name, found.level.name], [schema, level], `${method} ${path}`);
  }
});

test("seats are divided by shares, and part of them can be lent", () => {
  const { control: flows } = control(600);
  flows.configure(levels, schemas);
  const limits = (name: string) => {
    const { nominalLimit, lowerLimit, upperLimit } = flows.levels.get(name)!;
    return [nominalLimit, lowerLimit, upperLimit];
  };
  // 245 shares in all.
  assert.deepEqual(limits("workload-low"), [245, 24, 845]);
  assert.deepEqual(limits("system"), [74, 50, 674]);
  assert.deepEqual(limits("leader-election"), [25, 25, 625]);
  assert.deepEqual(limits("exempt"), [0, 0, 600]);
  assert.equal(flows.levels.get("workload-low")!.maxSeats, 37);
});

test("a level under load borrows what others don't use, and gives it back", async () => {
  const { control: flows, clock } = control(600);
  flows.configure(levels, schemas);
  flows.start();
  const found = flows.classify(about("GET", "/api/v1/pods"), { name: "jane", groups: [AUTHENTICATED] });
  const { level } = found;
  assert.equal(level.name, "global-default");
  const start = () =>
    level.queueSet.start({
      schema: "global-default",
      distinguisher: "jane",
      info: about("GET", "/api/v1/pods"),
      user: { name: "jane", groups: [] },
      work: { initialSeats: 1, finalSeats: 0, lingerMs: 0 },
      metrics: level.metrics.flow("global-default"),
    });
  const before = level.currentLimit;
  const tickets = Array.from({ length: 300 }, start);
  assert.equal(level.queueSet.executing, before);
  await clock.advance(3 * BORROWING_PERIOD_MS);
  assert.ok(level.currentLimit > 250, `${level.currentLimit} seats`);
  assert.equal(level.queueSet.executing, Math.min(300, level.currentLimit));
  const lender = flows.levels.get("workload-low")!;
  assert.ok(lender.currentLimit < lender.nominalLimit && lender.currentLimit >= lender.lowerLimit);
  for (let round = 0; round < 3; round++) for (const ticket of tickets) level.queueSet.finish(ticket);
  await clock.advance(90 * 60_000);
  assert.ok(level.currentLimit <= before + 1, `${level.currentLimit} seats of ${before}`);
  flows.stop();
});

test("a level whose object is gone ends when its requests have; its schemas fall through", () => {
  const { control: flows } = control();
  const name = "mine";
  const level: PriorityLevelConfiguration = {
    metadata: { name },
    spec: { type: "Limited", limited: { nominalConcurrencyShares: 10, limitResponse: { type: "Reject" } } },
  };
  const schema: FlowSchema = {
    metadata: { name },
    spec: {
      priorityLevelConfiguration: { name },
      matchingPrecedence: 50,
      rules: [
        {
          subjects: [{ kind: "User", user: { name: "jane" } }],
          nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["/a/*"] }],
        },
      ],
    },
  };
  const jane = { name: "jane", groups: [AUTHENTICATED] };
  const info = about("GET", "/a/b");
  flows.configure([...levels, level], [...schemas, schema]);
  const found = flows.classify(info, jane);
  assert.equal(found.level.name, name);
  const work = { initialSeats: 1, finalSeats: 0, lingerMs: 0 };
  const metrics = found.level.metrics.flow(name);
  const ticket = found.level.queueSet.start({ schema: name, distinguisher: "", info, user: jane, work, metrics });
  flows.configure(levels, [...schemas, schema]);
  assert.equal(flows.classify(info, jane).level.name, "global-default");
  assert.equal(flows.levels.get(name)?.quiescing, true);
  found.level.queueSet.finish(ticket);
  assert.equal(flows.levels.has(name), false);
});

test("broken levels are left out; mandatory ones are there without objects", () => {
  const { control: flows } = control();
  flows.configure([{ metadata: { name: "broken" }, spec: { type: "Limited" } }], []);
  assert.deepEqual([...flows.levels.keys()].sort(), ["catch-all", "exempt"]);
  assert.throws(() => control(0), /limit above 0/);
});

test("allocation gives equal fractions within bounds, and all of it", () => {
  const share = (target: number, lowest: number, highest: number) => ({ target, lowest, highest });
  assert.deepEqual(allocate(30, [share(10, 0, 100), share(20, 0, 100)]).amounts, [10, 20]);
  assert.deepEqual(allocate(60, [share(10, 0, 15), share(20, 0, 100)]).amounts, [15, 45]);
  const bounded = allocate(10, [share(10, 8, 20), share(10, 0, 20)]);
  assert.deepEqual(bounded.amounts, [8, 2]);
  assert.ok(Math.abs(bounded.fairFraction - 0.2) < 1e-9);
  assert.deepEqual(allocate(100, [share(0, 0, 100), share(0, 0, 100)]).amounts.map(Math.round), [50, 50]);
  assert.throws(() => allocate(5, [share(10, 10, 20)]), RangeError);
  assert.throws(() => allocate(50, [share(10, 10, 20)]), RangeError);
});

const QUERY = (text: string) => new URLSearchParams(text);
test("lists cost by what they hold, writes by who watches", () => {
  const facts = { stored: () => ({ count: 1000, bytes: 2_000_000 }), watchers: () => 0 };
  const seats = (target: string, maxSeats = 0) => {
    const [, query = ""] = target.split("?");
    return estimateWork(about("GET", target), QUERY(query), maxSeats, facts, () => {}).initialSeats;
  };
  assert.equal(seats("/api/v1/pods"), 10);
  assert.equal(seats("/api/v1/pods", 3), 3);
  assert.equal(seats("/api/v1/pods?limit=100"), 2);
  assert.equal(seats("/api/v1/pods?fieldSelector=metadata.name%3Dx"), 1);
  assert.equal(seats("/api/v1/pods?watch=1"), 10);
  assert.equal(seats("/api/v1/pods?watch=1&resourceVersion=7"), 1);
  assert.equal(seats("/api/v1/pods?watch=1&resourceVersion=7&sendInitialEvents=true"), 10);
  assert.equal(seats("/livez"), 1);
  const write = (watchers: number, path = "/api/v1/namespaces/a/pods") =>
    estimateWork(about("POST", path), QUERY(""), 0, { ...facts, watchers: () => watchers }, () => {});
  assert.deepEqual(write(9), { initialSeats: 1, finalSeats: 0, lingerMs: 0 });
  assert.deepEqual(write(25), { initialSeats: 1, finalSeats: 3, lingerMs: 5 });
  assert.deepEqual(write(1000), { initialSeats: 1, finalSeats: 10, lingerMs: 50 });
  assert.equal(write(1000, "/api/v1/namespaces/a/serviceaccounts/x/token").finalSeats, 0);
});

test("refused clients wait longer while the refusals go on", async () => {
  const clock = virtualClock();
  const retry = new RetryAfter(clock);
  const seen: number[] = [];
  for (let second = 0; second < 120; second++) {
    for (let count = 0; count < 200; count++) retry.refused("a");
    seen.push(retry.refused("a"));
    await clock.advance(1000);
  }
  assert.equal(seen[0], 1);
  assert.equal(Math.max(...seen), 32);
  assert.equal(retry.refused("b"), 1);
  for (let second = 0; second < 40; second++) {
    await clock.advance(40_000);
    retry.refused("a");
  }
  assert.equal(retry.refused("a"), 1);
});

const stored = <T extends { metadata?: object }>(object: T, generation: number, annotation?: string): T =>
  ({
    ...object,
    metadata: {
      ...object.metadata,
      generation,
      annotations: annotation === undefined ? undefined : { "apf.kubernetes.io/autoupdate-spec": annotation },
    },
  }) as T;

test("default objects are made, kept, given up or removed by their annotation", () => {
  const [exempt, catchAll] = bootstrapLevels.mandatory;
  const system = bootstrapLevels.suggested[0]!;
  const wanted = { mandatory: [exempt!, catchAll!], suggested: [system] };
  assert.deepEqual(
    planDefaults(wanted, []).map((step) => Object.keys(step)[0]),
    ["create", "create", "create"],
  );
  const asMade = [exempt!, catchAll!, system].map((object) => stored(object, 1, "true"));
  assert.deepEqual(planDefaults(wanted, asMade), []);
  const changed = (object: PriorityLevelConfiguration): PriorityLevelConfiguration => ({
    ...object,
    spec: { ...object.spec!, limited: { ...object.spec!.limited, nominalConcurrencyShares: 77 } },
  });
  const plan = (present: PriorityLevelConfiguration) =>
    planDefaults(wanted, [...asMade.filter(({ metadata }) => metadata?.name !== present.metadata?.name), present]);
  const shares = (steps: ReturnType<typeof plan>) =>
    steps.map((step) => "update" in step && step.update.spec?.limited?.nominalConcurrencyShares);
  assert.deepEqual(shares(plan(stored(changed(system), 2, "true"))), [30]);
  assert.deepEqual(plan(stored(changed(system), 2, "false")), []);
  // Without the annotation, a changed spec is its operator's: it is annotated so.
  const [taken] = plan(stored(changed(system), 2)) as [{ update: PriorityLevelConfiguration }];
  assert.equal(taken.update.metadata?.annotations?.["apf.kubernetes.io/autoupdate-spec"], "false");
  assert.equal(taken.update.spec?.limited?.nominalConcurrencyShares, 77);
  assert.deepEqual(shares(plan(stored(changed(system), 1))), [30]);
  assert.deepEqual(shares(plan(stored(changed(catchAll!), 2, "false"))), [5]);
  const former = stored({ ...system, metadata: { name: "former" } }, 1, "true");
  assert.deepEqual(planDefaults(wanted, [...asMade, former]), [{ delete: "former" }]);
  assert.deepEqual(planDefaults(wanted, [...asMade, stored(former, 1)]), []);
});

test("a schema's condition says whether its level is there", () => {
  const schema = bootstrapSchemas.suggested[0]!;
  const now = Date.UTC(2026, 0, 1);
  const found = danglingCondition(schema, new Set(["exempt"]), now)!;
  assert.deepEqual([found.status, found.reason, found.lastTransitionTime], ["False", "Found", "2026-01-01T00:00:00Z"]);
  const settled = { ...schema, status: { conditions: [found] } };
  assert.equal(danglingCondition(settled, new Set(["exempt"]), now + 1), undefined);
  const missing = danglingCondition(settled, new Set(), now)!;
  assert.equal(missing.status, "True");
  assert.match(missing.message!, /named "exempt" but there is no such object$/);
});
