import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KubeObject } from "../../api/object.ts";
import { horizontalPodAutoscalersAutoscalingV2 as autoscalers, deployments } from "../../api/resource-types.ts";
import { conflict, pathNotFound } from "../../api/status-error.ts";
import type { Deployment } from "../../api/types/apps.v1.ts";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  MetricSpec,
} from "../../api/types/autoscaling.v2.ts";
import type { Pod } from "../../api/types/core.v1.ts";
import type { FakeClient } from "../../client/fake-client.fixture.ts";
import { type ControllerBench, withControllers } from "../controller-bench.fixture.ts";
import { horizontalPodAutoscalerController } from "./controller.ts";

const PERIOD = 15_000;
const deployment = (replicas: number, name = "web"): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace: "default" },
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template: {} },
  status: { replicas },
});
const pod = (index: number): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: `web-${index}`, namespace: "default", labels: { app: "web" } },
  spec: { containers: [{ name: "main", resources: { requests: { cpu: "1" } } }] },
  status: {
    phase: "Running",
    startTime: "2020-01-01T00:00:00Z",
    conditions: [{ type: "Ready", status: "True", lastTransitionTime: "2020-01-01T00:00:01Z" }],
  },
});
const cpu: MetricSpec = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
};
const autoscaler = (spec: Partial<HorizontalPodAutoscalerSpec> = {}, name = "web"): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name, namespace: "default" },
  spec: {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    minReplicas: 1,
    maxReplicas: 10,
    metrics: [cpu],
    ...spec,
  },
  status: { desiredReplicas: 0 },
});

/** Answers the metrics APIs; what is not there is not served. Returns the paths that were asked for. */
function serveMetrics(fake: FakeClient, levels: { cpu?: string; answers?: Record<string, unknown> }): string[] {
  const asked: string[] = [];
  fake.answerRaw((path) => {
    if (!path.includes("metrics.k8s.io")) return undefined;
    asked.push(decodeURIComponent(path));
    const answer = levels.answers?.[decodeURIComponent(path)];
    if (answer) return answer;
    if (levels.cpu === undefined || !path.startsWith("/apis/metrics.k8s.io/")) throw pathNotFound();
    return {
      items: fake
        .all<Pod>({ group: "", version: "v1", resource: "pods", kind: "Pod", namespaced: true })
        .map((one) => ({
          metadata: { name: one.metadata?.name, namespace: "default" },
          timestamp: "2026-01-01T00:00:00Z",
          window: "30s",
          containers: [{ name: "main", usage: { cpu: levels.cpu } }],
        })),
    };
  });
  return asked;
}

async function scenario(
  options: {
    objects: KubeObject[];
    cpu?: string;
    answers?: Record<string, unknown>;
    prepare?(fake: FakeClient): void;
  },
  run: (bench: ControllerBench & { asked: string[]; levels: { cpu?: string } }) => Promise<void>,
): Promise<void> {
  const levels = {
    ...(options.cpu ? { cpu: options.cpu } : {}),
    ...(options.answers ? { answers: options.answers } : {}),
  };
  let asked: string[] = [];
  await withControllers(
    horizontalPodAutoscalerController,
    {
      objects: options.objects,
      prepare(fake) {
        asked = serveMetrics(fake, levels);
        options.prepare?.(fake);
      },
    },
    (bench) => run(Object.assign(bench, { asked, levels })),
  );
}

const replicasOf = (fake: FakeClient) => fake.peek(deployments, "web", "default")!.spec!.replicas;
const statusOf = (fake: FakeClient, name = "web") => fake.peek(autoscalers, name, "default")!.status!;
const conditionsOf = (fake: FakeClient, name = "web") =>
  (statusOf(fake, name).conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`);

suite("horizontal pod autoscaler", () => {
  test("usage above the target scales up, and nothing more is written while nothing changes", () =>
    scenario({ objects: [deployment(2), pod(0), pod(1), autoscaler()], cpu: "1" }, async (bench) => {
      const { fake, settle, events, assertQuiet } = bench;
      assert.equal(replicasOf(fake), 2, "the first look is after a period");
      await settle(PERIOD);
      assert.equal(replicasOf(fake), 4);
      assert.deepEqual(conditionsOf(fake), [
        "AbleToScale=True SucceededRescale",
        "ScalingActive=True ValidMetricFound",
        "ScalingLimited=False DesiredWithinRange",
      ]);
      const { currentReplicas, desiredReplicas, currentMetrics, lastScaleTime } = statusOf(fake);
      assert.deepEqual([currentReplicas, desiredReplicas], [2, 4]);
      assert.ok(lastScaleTime);
      assert.deepEqual(currentMetrics, [
        { type: "Resource", resource: { name: "cpu", current: { averageValue: "1", averageUtilization: 100 } } },
      ]);
      assert.deepEqual(events(), [
        "SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target",
      ]);
      bench.levels.cpu = "500m";
      fake.put(deployments, deployment(4));
      await settle(PERIOD);
      assert.equal(replicasOf(fake), 4);
      assert.equal(conditionsOf(fake)[0], "AbleToScale=True ReadyForNewScale");
      await assertQuiet();
    }));

  test("scaling down waits until nothing more was asked for in five minutes", () =>
    scenario(
      { objects: [deployment(4), ...[0, 1, 2, 3].map(pod), autoscaler()], cpu: "100m" },
      async ({ fake, settle, events }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 4);
        assert.equal(conditionsOf(fake)[0], "AbleToScale=True ScaleDownStabilized");
        await settle(280_000);
        assert.equal(replicasOf(fake), 4);
        await settle(60_000);
        assert.equal(replicasOf(fake), 1);
        assert.deepEqual(events(), ["SuccessfulRescale: New size: 1; reason: All metrics below target"]);
      },
    ));

  test("a behavior's window and policies take the place of the defaults", () =>
    scenario(
      {
        objects: [
          deployment(4),
          ...[0, 1, 2, 3].map(pod),
          autoscaler({
            behavior: {
              scaleUp: {
                stabilizationWindowSeconds: 0,
                selectPolicy: "Max",
                policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
              },
              scaleDown: {
                stabilizationWindowSeconds: 0,
                selectPolicy: "Max",
                policies: [{ type: "Pods", value: 1, periodSeconds: 60 }],
              },
            },
          }),
        ],
        cpu: "100m",
      },
      async ({ fake, settle }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 3);
        assert.equal(conditionsOf(fake)[2], "ScalingLimited=True ScaleDownLimit");
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 3, "one a minute");
        await settle(45_000);
        assert.equal(replicasOf(fake), 2);
      },
    ));

  test("the tolerance of a direction", () =>
    scenario(
      {
        objects: [
          deployment(2),
          pod(0),
          pod(1),
          autoscaler({
            behavior: {
              scaleUp: {
                stabilizationWindowSeconds: 0,
                selectPolicy: "Max",
                tolerance: "1",
                policies: [{ type: "Pods", value: 4, periodSeconds: 15 }],
              },
              scaleDown: { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
            },
          }),
        ],
        cpu: "1",
      },
      async (bench) => {
        await bench.settle(PERIOD);
        assert.equal(replicasOf(bench.fake), 2);
        bench.levels.cpu = "1100m";
        await bench.settle(PERIOD);
        assert.equal(replicasOf(bench.fake), 5);
      },
    ));

  for (const [name, replicas, spec, wanted, condition, event] of [
    [
      "above the most",
      20,
      {},
      10,
      "AbleToScale=True SucceededRescale",
      "Current number of replicas above Spec.MaxReplicas",
    ],
    [
      "below the least",
      1,
      { minReplicas: 3 },
      3,
      "AbleToScale=True SucceededRescale",
      "Current number of replicas below Spec.MinReplicas",
    ],
    ["switched off", 0, {}, 0, "ScalingActive=False ScalingDisabled", undefined],
  ] as const) {
    test(`${name}: no metric is asked for`, () =>
      scenario({ objects: [deployment(replicas), autoscaler(spec)] }, async ({ fake, settle, events, asked }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), wanted);
        assert.ok(conditionsOf(fake).includes(condition), conditionsOf(fake).join());
        assert.deepEqual(events(), event ? [`SuccessfulRescale: New size: ${wanted}; reason: ${event}`] : []);
        assert.deepEqual(asked, []);
      }));
  }

  test("without metrics nothing is done; that is said once, in upstream's words", () =>
    scenario({ objects: [deployment(2), pod(0), autoscaler()] }, async ({ fake, settle, events, assertQuiet }) => {
      await settle(PERIOD);
      assert.equal(replicasOf(fake), 2);
      assert.deepEqual(conditionsOf(fake), [
        "AbleToScale=True SucceededGetScale",
        "ScalingActive=False FailedGetResourceMetric",
      ]);
      const why =
        "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
      assert.equal(statusOf(fake).conditions?.[1]?.message, `the HPA was unable to compute the replica count: ${why}`);
      await assertQuiet();
      assert.deepEqual(events(), [
        `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`,
        `FailedGetResourceMetric: ${why}`,
      ]);
    }));

  test("a target that is not there, of a kind that is not there", () =>
    scenario(
      {
        objects: [
          autoscaler(),
          autoscaler({ scaleTargetRef: { apiVersion: "example.com/v1", kind: "Odd", name: "x" } }, "odd"),
        ],
        cpu: "1",
      },
      async ({ fake, settle, events, assertQuiet }) => {
        await settle(PERIOD);
        assert.deepEqual(conditionsOf(fake), ["AbleToScale=False FailedGetScale"]);
        assert.deepEqual(events(), [
          'FailedGetScale: deployments.apps "web" not found',
          'FailedGetScale: no matches for kind "Odd" in group "example.com"',
        ]);
        await assertQuiet();
        fake.put(deployments, deployment(20));
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 10);
      },
    ));

  test("two that select the same pods both stand still", () =>
    scenario(
      {
        objects: [
          deployment(2),
          deployment(2, "other"),
          pod(0),
          autoscaler(),
          autoscaler({ scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "other" } }, "other"),
        ],
        cpu: "1",
      },
      async ({ fake, settle, events }) => {
        await settle(2 * PERIOD);
        await settle(PERIOD);
        assert.ok(conditionsOf(fake).includes("ScalingActive=False AmbiguousSelector"));
        assert.ok(conditionsOf(fake, "other").includes("ScalingActive=False AmbiguousSelector"));
        const message = "pods by selector app=web are controlled by multiple HPAs: [default/other default/web]";
        assert.ok(
          events().some((event) => event === `AmbiguousSelector: ${message}`),
          events().join("\n"),
        );
        fake.remove(autoscalers, "other", "default");
        await settle(PERIOD);
        assert.ok(conditionsOf(fake).includes("ScalingActive=True ValidMetricFound"), conditionsOf(fake).join());
      },
    ));

  test("a conflict over the scale is told and tried again", () =>
    scenario(
      {
        objects: [deployment(20), autoscaler()],
        prepare(fake) {
          let conflicts = 1;
          fake.intercept(({ verb, subresource }) => {
            if (verb === "update" && subresource === "scale" && conflicts-- > 0)
              throw conflict(deployments, "web", "changed");
          });
        },
      },
      async ({ fake, settle, events }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 20);
        assert.deepEqual(conditionsOf(fake), ["AbleToScale=False FailedUpdateScale"]);
        assert.match(events()[0]!, /^FailedRescale: New size: 10; reason: Current number .*MaxReplicas; error: /);
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 10);
        assert.deepEqual(conditionsOf(fake), ["AbleToScale=True SucceededRescale"]);
      },
    ));

  test("custom and external metrics, of which the most counts; one that fails does not stop scaling up", () => {
    const custom = "/apis/custom.metrics.k8s.io";
    const at = { timestamp: "2026-01-01T00:00:00Z" };
    const value = (of: string, name: string) => ({ ...at, describedObject: { name }, value: of });
    return scenario(
      {
        objects: [
          deployment(2),
          pod(0),
          pod(1),
          autoscaler({
            metrics: [
              { type: "Pods", pods: { metric: { name: "qps" }, target: { type: "AverageValue", averageValue: "10" } } },
              {
                type: "Object",
                object: {
                  metric: { name: "hits", selector: { matchLabels: { verb: "GET" } } },
                  describedObject: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" },
                  target: { type: "Value", value: "100" },
                },
              },
              {
                type: "External",
                external: {
                  metric: { name: "queue", selector: { matchLabels: { q: "a" } } },
                  target: { type: "AverageValue", averageValue: "5" },
                },
              },
              cpu,
            ],
          }),
        ],
        answers: {
          [custom]: { name: "custom.metrics.k8s.io", versions: [{ version: "v1beta1" }, { version: "v1beta2" }] },
          [`${custom}/v1beta1/namespaces/default/pods/*/qps?labelSelector=app=web`]: {
            items: [value("15", "web-0"), value("15", "web-1")],
          },
          [`${custom}/v1beta1/namespaces/default/ingresses.networking.k8s.io/main/hits?metricLabelSelector=verb=GET`]: {
            items: [value("120", "main")],
          },
          "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue?labelSelector=q=a": {
            items: [{ value: "11" }, { value: "9" }],
          },
        },
      },
      async ({ fake, settle, events }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 4);
        assert.deepEqual(statusOf(fake).currentMetrics, [
          { type: "Pods", pods: { metric: { name: "qps" }, current: { averageValue: "15" } } },
          {
            type: "Object",
            object: {
              describedObject: { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" },
              metric: { name: "hits", selector: { matchLabels: { verb: "GET" } } },
              current: { value: "120" },
            },
          },
          {
            type: "External",
            external: {
              metric: { name: "queue", selector: { matchLabels: { q: "a" } } },
              current: { averageValue: "10" },
            },
          },
          { type: "" },
        ]);
        assert.ok(
          events().includes(
            "SuccessfulRescale: New size: 4; reason: external metric queue(&LabelSelector{MatchLabels:map[string]string{q: a,},MatchExpressions:[]LabelSelectorRequirement{},}) above target",
          ),
          events().join("\n"),
        );
      },
    );
  });

  test("a container's share of its pod", () =>
    scenario(
      {
        objects: [
          deployment(1),
          pod(0),
          autoscaler({
            metrics: [
              {
                type: "ContainerResource",
                containerResource: {
                  name: "cpu",
                  container: "main",
                  target: { type: "Utilization", averageUtilization: 50 },
                },
              },
              {
                type: "ContainerResource",
                containerResource: {
                  name: "cpu",
                  container: "none",
                  target: { type: "AverageValue", averageValue: "1" },
                },
              },
            ],
          }),
        ],
        cpu: "900m",
      },
      async ({ fake, settle, events }) => {
        await settle(PERIOD);
        assert.equal(replicasOf(fake), 2);
        assert.deepEqual(events(), [
          "FailedGetContainerResourceMetric: failed to get cpu usage: unable to get metrics for resource cpu: failed to get container metrics: container none not present in metrics for pod default/web-0",
          "SuccessfulRescale: New size: 2; reason: cpu container resource utilization (percentage of request) above target",
        ]);
      },
    ));
});
