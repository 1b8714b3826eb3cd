import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Deployment, ReplicaSet } from "../../api/types/apps.v1.ts";
import type { PodTemplateSpec } from "../../api/types/core.v1.ts";
import { templateHash } from "../template-hash.ts";
import { planDeployment } from "./plan.ts";
import { DESIRED_REPLICAS, MAX_REPLICAS, REVISION, REVISION_HISTORY } from "./revisions.ts";

const NOW = Date.UTC(2026, 0, 1);
const template = (image: string): PodTemplateSpec => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "c", image }] },
});
const deployment = (spec: Partial<Deployment["spec"]> = {}, rest: Partial<Deployment> = {}): Deployment => ({
  metadata: { name: "web", namespace: "default", uid: "d", generation: 1, ...rest.metadata },
  spec: {
    replicas: 10,
    selector: { matchLabels: { app: "web" } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    template: template("v2"),
    progressDeadlineSeconds: 600,
    revisionHistoryLimit: 10,
    ...spec,
  },
  ...(rest.status ? { status: rest.status } : {}),
});
interface SetTraits {
  size: number;
  available?: number;
  desired?: number;
  max?: number;
  age?: number;
  revision?: number | string;
}
const set = (image: string, traits: SetTraits): ReplicaSet => ({
  metadata: {
    name: `web-${image}`,
    namespace: "default",
    uid: image,
    creationTimestamp: new Date(NOW - (traits.age ?? 100) * 1000).toISOString(),
    annotations: {
      [DESIRED_REPLICAS]: String(traits.desired ?? 10),
      [MAX_REPLICAS]: String(traits.max ?? 13),
      [REVISION]: String(traits.revision ?? (image === "v2" ? 2 : 1)),
    },
    generation: 1,
  },
  spec: { replicas: traits.size, selector: {}, template: template(image) },
  status: {
    replicas: traits.size,
    readyReplicas: traits.available ?? traits.size,
    availableReplicas: traits.available ?? traits.size,
    observedGeneration: 1,
  },
});
const plan = (one: Deployment, sets: ReplicaSet[], oldPods = false) =>
  planDeployment({ deployment: one, sets, oldPodsRunning: () => oldPods, now: NOW });
const sizes = (one: Deployment, sets: ReplicaSet[], oldPods = false) => {
  const { create, update } = plan(one, sets, oldPods);
  const changes = update
    .filter(({ before, after }) => before.spec?.replicas !== after.spec?.replicas)
    .map(({ after }) => `${after.metadata?.name?.slice(4)}=${after.spec?.replicas}`);
  return [...(create ? [`new=${create.spec?.replicas}`] : []), ...changes].join(" ");
};

suite("rolling update, one step", () => {
  const cases: [string, Partial<Deployment["spec"]>, ReplicaSet[], string][] = [
    ["a first set gets everything", {}, [], "new=10"],
    ["a new set gets the surge at once", {}, [set("v1", { size: 10 })], "new=3 v1=8"],
    ["the new set grows before the old shrink", {}, [set("v1", { size: 8 }), set("v2", { size: 3 })], "v2=5"],
    [
      "the old shrink as far as is available",
      {},
      [set("v1", { size: 8 }), set("v2", { size: 5, available: 3 })],
      "v1=5",
    ],
    ["nothing to spare, nothing to grow", {}, [set("v1", { size: 8 }), set("v2", { size: 5, available: 0 })], ""],
    [
      "unhealthy old pods go first, oldest set first",
      {},
      [
        set("v0", { size: 3, available: 0, age: 300 }),
        set("v1", { size: 8, age: 200 }),
        set("v2", { size: 2, available: 2 }),
      ],
      "v0=0 v1=6",
    ],
    ["the new set is too large", {}, [set("v2", { size: 12, desired: 10 })], "v2=10"],
    ["done", {}, [set("v1", { size: 0 }), set("v2", { size: 10 })], ""],
    [
      "no surge: the old make room first",
      { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } } },
      [set("v1", { size: 10, max: 10 })],
      "new=0 v1=9",
    ],
    [
      "neither surge nor unavailable means one unavailable",
      { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "0%", maxUnavailable: "0%" } } },
      [set("v1", { size: 10, max: 10 })],
      "new=0 v1=9",
    ],
    [
      "percentages: surge is rounded up, unavailable down",
      { replicas: 3 },
      [set("v1", { size: 3, desired: 3, max: 4 })],
      "new=1",
    ],
  ];
  for (const [what, spec, sets, expected] of cases)
    test(what, () => assert.equal(sizes(deployment(spec), sets), expected));
});

suite("recreate, one step", () => {
  const recreate = { strategy: { type: "Recreate" } };
  const cases: [string, ReplicaSet[], boolean, string][] = [
    ["the old go first", [set("v1", { size: 10, max: 10 })], true, "v1=0"],
    ["old pods are waited for", [set("v1", { size: 0 })], true, ""],
    ["then the new come at once", [set("v1", { size: 0 })], false, "new=10"],
    ["a set that is there is taken", [set("v1", { size: 0 }), set("v2", { size: 0 })], false, "v2=10"],
  ];
  for (const [what, sets, oldPods, expected] of cases) {
    test(what, () => assert.equal(sizes(deployment(recreate), sets, oldPods), expected));
  }
});

suite("scaling", () => {
  const cases: [string, Partial<Deployment["spec"]>, ReplicaSet[], string][] = [
    ["the only active set gets it all", { replicas: 20 }, [set("v1", { size: 0 }), set("v2", { size: 10 })], "v2=20"],
    ["down to nothing", { replicas: 0 }, [set("v2", { size: 10 })], "v2=0"],
    [
      "up in proportion",
      { replicas: 20, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } },
      [set("v1", { size: 8 }), set("v2", { size: 5 })],
      "v1=14 v2=9",
    ],
    [
      "down in proportion",
      { replicas: 5, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } },
      [set("v1", { size: 8 }), set("v2", { size: 5 })],
      "v1=5 v2=3",
    ],
    [
      "leftovers go to the largest",
      { replicas: 12, strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: 2 } } },
      [
        set("v0", { size: 3, max: 10, age: 300 }),
        set("v1", { size: 4, max: 10, age: 200 }),
        set("v2", { size: 3, max: 10 }),
      ],
      "v0=3 v1=5 v2=4",
    ],
    [
      "paused: scaled all the same, but nothing new",
      { replicas: 12, paused: true },
      [set("v1", { size: 10 })],
      "v1=12",
    ],
    [
      "to nothing in the midst of a rollout",
      { replicas: 0 },
      [set("v1", { size: 8 }), set("v2", { size: 5 })],
      "v1=0 v2=0",
    ],
  ];
  for (const [what, spec, sets, expected] of cases) {
    test(what, () => {
      // A set of size 3 that gets no share is not among the changes.
      const got = sizes(deployment(spec), sets);
      assert.equal(got, expected.replace("v0=3 ", ""));
    });
  }

  test("afterwards every active set says what it was sized for", () => {
    const { update } = plan(deployment({ replicas: 20 }), [set("v1", { size: 8 }), set("v2", { size: 5 })]);
    for (const { after } of update) {
      assert.equal(after.metadata?.annotations?.[DESIRED_REPLICAS], "20");
      assert.equal(after.metadata?.annotations?.[MAX_REPLICAS], "25");
    }
    assert.equal(update.length, 2);
  });
});

suite("revisions", () => {
  test("a new set gets the next number, the Deployment's annotations, and the hash everywhere", () => {
    const one = deployment(
      {},
      {
        metadata: {
          annotations: { team: "a", [REVISION]: "1", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
        },
      },
    );
    one.metadata = { ...deployment().metadata, annotations: one.metadata?.annotations };
    const { create, revision } = plan(one, [set("v1", { size: 10, revision: 4 })]);
    const hash = templateHash(template("v2"), undefined);
    assert.equal(revision, "5");
    assert.equal(create?.metadata?.name, `web-${hash}`);
    assert.deepEqual(create?.metadata?.annotations, {
      team: "a",
      [REVISION]: "5",
      [DESIRED_REPLICAS]: "10",
      [MAX_REPLICAS]: "13",
    });
    assert.deepEqual(create?.metadata?.labels, { app: "web", "pod-template-hash": hash });
    assert.deepEqual(create?.spec?.selector, { matchLabels: { app: "web", "pod-template-hash": hash } });
    assert.deepEqual(create?.spec?.template?.metadata?.labels, { app: "web", "pod-template-hash": hash });
    assert.equal(create?.metadata?.ownerReferences?.[0]?.uid, "d");
  });

  test("a revision may need all of 64 bits", () => {
    const { revision } = plan(deployment(), [set("v1", { size: 10, revision: "3546343826724305832" })]);
    assert.equal(revision, "3546343826724305833");
  });

  test("going back gives the old set the next number and remembers the former one", () => {
    const sets = [set("v2", { size: 0, revision: 1 }), set("v3", { size: 10, revision: 2 })];
    const { create, revision, update } = plan(deployment(), sets);
    assert.equal(create, undefined);
    assert.equal(revision, "3");
    const back = update.find(({ before }) => before.metadata?.uid === "v2")!.after;
    assert.equal(back.metadata?.annotations?.[REVISION], "3");
    assert.equal(back.metadata?.annotations?.[REVISION_HISTORY], "1");
    assert.equal(back.spec?.replicas, 3);
  });

  test("the hash does not depend on the order of fields, but on the collision count", () => {
    const a = { metadata: { labels: { x: "1", y: "2" } }, spec: { containers: [] } };
    const b = { spec: { containers: [], hostname: undefined }, metadata: { labels: { y: "2", x: "1" } } };
    assert.equal(templateHash(a, undefined), templateHash(b, undefined));
    assert.notEqual(templateHash(a, undefined), templateHash(a, 1));
    assert.match(templateHash(a, undefined), /^[bcdfghjklmnpqrstvwxz2456789]{6,10}$/);
  });

  const complete = { replicas: 10, updatedReplicas: 10, availableReplicas: 10, observedGeneration: 1 };
  const history = [1, 2, 3, 4].map((n) => set(`h${n}`, { size: 0, revision: n }));
  const current = set("v2", { size: 10, revision: 5 });
  test("old sets beyond the limit go when the rollout is complete, lowest revision first", () => {
    const { remove } = plan(deployment({ revisionHistoryLimit: 2 }, { status: complete }), [current, ...history]);
    assert.deepEqual(
      remove.map((one) => one.metadata?.uid),
      ["h1", "h2"],
    );
    assert.deepEqual(plan(deployment({ revisionHistoryLimit: 2 }), [current, ...history]).remove, []);
  });
  test("a set that still has pods, or is not settled, is kept", () => {
    const busy = { ...history[0]!, status: { replicas: 1 } };
    const { remove } = plan(deployment({ revisionHistoryLimit: 2 }, { status: complete }), [
      current,
      busy,
      ...history.slice(1),
    ]);
    assert.deepEqual(
      remove.map((one) => one.metadata?.uid),
      ["h2"],
    );
  });
});

suite("status", () => {
  const progress = (one: Deployment, sets: ReplicaSet[]) => {
    const condition = plan(one, sets).status.conditions?.find(({ type }) => type === "Progressing");
    return condition && `${condition.status} ${condition.reason}: ${condition.message}`;
  };
  const at = (secondsAgo: number, reason: string, status = "True") => {
    const lastUpdateTime = new Date(NOW - secondsAgo * 1000).toISOString();
    return [{ type: "Progressing", status, reason, lastUpdateTime, lastTransitionTime: lastUpdateTime }];
  };

  test("counts over the sets", () => {
    const { status } = plan(deployment(), [set("v1", { size: 8 }), set("v2", { size: 5, available: 3 })]);
    const { conditions, ...counts } = status;
    assert.deepEqual(counts, {
      observedGeneration: 1,
      replicas: 13,
      updatedReplicas: 5,
      readyReplicas: 11,
      availableReplicas: 11,
      unavailableReplicas: 2,
    });
    assert.deepEqual(conditions?.[0], {
      type: "Available",
      status: "True",
      reason: "MinimumReplicasAvailable",
      message: "Deployment has minimum availability.",
      lastUpdateTime: "2026-01-01T00:00:00Z",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    });
  });

  const cases: [string, Deployment, ReplicaSet[], string | undefined][] = [
    [
      "a new set",
      deployment(),
      [],
      `True NewReplicaSetCreated: Created new replica set "web-${templateHash(template("v2"), undefined)}"`,
    ],
    [
      "more pods than before",
      deployment({}, { status: { conditions: at(50, "NewReplicaSetCreated") } }),
      [set("v2", { size: 10, available: 2 })],
      'True ReplicaSetUpdated: ReplicaSet "web-v2" is progressing.',
    ],
    [
      "all there",
      deployment({}, { status: { conditions: at(50, "ReplicaSetUpdated") } }),
      [set("v2", { size: 10 })],
      'True NewReplicaSetAvailable: ReplicaSet "web-v2" has successfully progressed.',
    ],
    [
      "stuck beyond the deadline",
      deployment({}, { status: { replicas: 10, updatedReplicas: 10, conditions: at(700, "ReplicaSetUpdated") } }),
      [set("v2", { size: 10, available: 0 })],
      'False ProgressDeadlineExceeded: ReplicaSet "web-v2" has timed out progressing.',
    ],
    [
      "not yet stuck",
      deployment({}, { status: { replicas: 10, updatedReplicas: 10, conditions: at(500, "ReplicaSetUpdated") } }),
      [set("v2", { size: 10, available: 0 })],
      "True ReplicaSetUpdated: undefined",
    ],
    [
      "paused",
      deployment({ paused: true }),
      [set("v1", { size: 10 })],
      "Unknown DeploymentPaused: Deployment is paused",
    ],
    [
      "without a deadline nothing is said",
      deployment({ progressDeadlineSeconds: 2 ** 31 - 1 }, { status: { conditions: at(5, "ReplicaSetUpdated") } }),
      [set("v2", { size: 10 })],
      undefined,
    ],
  ];
  for (const [what, one, sets, expected] of cases) test(what, () => assert.equal(progress(one, sets), expected));

  test("resuming starts the deadline anew", () => {
    const paused = deployment({}, { status: { conditions: at(7000, "DeploymentPaused", "Unknown") } });
    const one = { ...paused, spec: { ...paused.spec!, template: template("v1") } };
    assert.equal(progress(one, [set("v1", { size: 10, available: 0 })])?.split(":")[0], "True ReplicaSetUpdated");
  });

  test("says when to look again for a rollout that may be stuck", () => {
    const one = deployment(
      {},
      { status: { replicas: 10, updatedReplicas: 10, conditions: at(500, "ReplicaSetUpdated") } },
    );
    assert.equal(plan(one, [set("v2", { size: 10, available: 0 })]).requeueAfterMs, 101_000);
    assert.equal(plan(one, [set("v2", { size: 10 })]).requeueAfterMs, undefined);
  });

  test("a set's failure is the Deployment's", () => {
    const failing = set("v2", { size: 10, available: 0 });
    const lastTransitionTime = "2025-12-31T23:00:00Z";
    const failure = {
      type: "ReplicaFailure",
      status: "True",
      reason: "FailedCreate",
      message: "quota",
      lastTransitionTime,
    };
    failing.status = { ...failing.status!, conditions: [failure] };
    const { conditions } = plan(deployment(), [failing]).status;
    assert.deepEqual(conditions?.at(-1), { ...failure, lastUpdateTime: lastTransitionTime });
    const recovered = plan(deployment({}, { status: { conditions } }), [set("v2", { size: 10 })]).status;
    assert.equal(
      recovered.conditions?.some(({ type }) => type === "ReplicaFailure"),
      false,
    );
  });
});
