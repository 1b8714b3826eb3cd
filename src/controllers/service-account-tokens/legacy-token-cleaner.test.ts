import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { secrets } from "../../api/resource-types.ts";
import type { ConfigMap, Pod, Secret, ServiceAccount } from "../../api/types/core.v1.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { legacyTokenCleaner, planRemovals } from "./legacy-token-cleaner.ts";

const DAY_MS = 86_400_000;
const LAST_USED = "kubernetes.io/legacy-token-last-used";
const INVALID_SINCE = "kubernetes.io/legacy-token-invalid-since";
const account: ServiceAccount = {
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name: "robot", namespace: "default", uid: "uid-1" },
  secrets: [{ name: "auto" }],
};
const token = (name: string, labels: Record<string, string> = {}, created = "2020-01-01T00:00:00Z"): Secret => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "kubernetes.io/service-account-token",
  metadata: {
    name,
    namespace: "default",
    creationTimestamp: created,
    labels,
    annotations: { "kubernetes.io/service-account.name": "robot", "kubernetes.io/service-account.uid": "uid-1" },
  },
});
const mounting: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default" },
  spec: { containers: [], volumes: [{ name: "v", secret: { secretName: "auto" } }] },
};

suite("unused legacy tokens", () => {
  const cases: [
    string,
    string | undefined,
    { secret?: Secret; pods?: Pod[]; since?: string; account?: ServiceAccount | undefined },
  ][] = [
    ["never used: invalid", "invalidate", {}],
    ["used long ago: invalid", "invalidate", { secret: token("auto", { [LAST_USED]: "2025-05-21" }) }],
    ["used just in time", undefined, { secret: token("auto", { [LAST_USED]: "2025-05-22" }) }],
    ["used on a day that is none", undefined, { secret: token("auto", { [LAST_USED]: "2025-02-31" }) }],
    ["young", undefined, { secret: token("auto", {}, "2025-05-22T12:00:00Z") }],
    ["made by somebody", undefined, { secret: token("manual") }],
    ["of an account that is gone", undefined, { account: undefined }],
    ["mounted", undefined, { pods: [mounting] }],
    ["tracking began too late", undefined, { since: "2025-05-22" }],
    ["tracking began just in time", "invalidate", { since: "2025-05-21" }],
    ["tracking is not known", undefined, { since: "soon" }],
    ["invalid long enough", "delete", { secret: token("auto", { [INVALID_SINCE]: "2025-05-21" }) }],
    ["invalid not long enough", undefined, { secret: token("auto", { [INVALID_SINCE]: "2025-05-22" }) }],
    ["invalid since a day that is none", "invalidate", { secret: token("auto", { [INVALID_SINCE]: "x" }) }],
  ];
  for (const [name, expected, given] of cases) {
    test(name, () => {
      const observed = {
        trackedSince: given.since ?? "2020-01-01",
        secrets: [given.secret ?? token("auto")],
        accountOf: () => ("account" in given ? given.account : account),
        podsIn: () => given.pods ?? [],
      };
      const removals = planRemovals(observed, Date.parse("2025-06-01T00:00:00Z"), 10 * DAY_MS);
      assert.equal(removals[0]?.do, expected);
    });
  }

  test("becomes invalid, and goes when it was so for the whole period", () => {
    const tracking: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" },
      data: { since: "2020-01-01" },
    };
    return withControllers(
      legacyTokenCleaner,
      {
        objects: [account, token("auto"), token("manual"), tracking],
        settings: { legacyTokenCleanUpPeriodMs: DAY_MS },
      },
      async ({ fake, clock, settle, assertQuiet }) => {
        const names = () => fake.all(secrets).map(({ metadata }) => metadata?.name);
        assert.equal(
          fake.peek(secrets, "auto", "default")?.metadata?.labels?.[INVALID_SINCE],
          new Date(clock.now()).toISOString().slice(0, 10),
        );
        await assertQuiet();
        await settle(DAY_MS);
        assert.deepEqual(names(), ["auto", "manual"]);
        await settle(DAY_MS);
        assert.deepEqual(names(), ["manual"]);
        await assertQuiet();
      },
    );
  });
});
