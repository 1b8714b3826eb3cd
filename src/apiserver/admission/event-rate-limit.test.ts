import assert from "node:assert/strict";
import { test } from "node:test";
import { events } from "../../api/resource-types.ts";
import type { StatusError } from "../../api/status-error.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { run } from "./attributes.fixture.ts";
import { eventRateLimit, eventRateLimitConfiguration } from "./event-rate-limit.ts";

const configuration = (...limits: object[]) =>
  eventRateLimitConfiguration(
    JSON.stringify({ apiVersion: "eventratelimit.admission.k8s.io/v1alpha1", kind: "Configuration", limits }),
  );
const event = (namespace: string, name = "x") => ({
  object: { metadata: { name: "e", namespace }, involvedObject: { kind: "Pod", name }, source: { component: "c" } },
});

test("events beyond the limit are refused until time has passed", async () => {
  const clock = virtualClock();
  const limits = await configuration(
    { type: "Namespace", qps: 1, burst: 2 },
    { type: "User", qps: 100, burst: 4, cacheSize: 10 },
  );
  const plugin = eventRateLimit({ clock, configuration: { eventLimits: limits } });
  const refused = async (namespace: string, message: string) =>
    assert.rejects(run(plugin, events, event(namespace)), (error: StatusError) => {
      assert.deepEqual([error.code, error.reason, error.message], [429, "TooManyRequests", message]);
      return true;
    });
  await run(plugin, events, event("a"));
  await run(plugin, events, event("a"));
  await refused("a", "limit reached on type Namespace for key a");
  await run(plugin, events, event("b"));
  await refused("b", "limit reached on type User for key jane");
  await run(plugin, events, { ...event("b"), dryRun: true });
  await clock.advance(1_000);
  await run(plugin, events, event("a"));
  await refused("a", "limit reached on type Namespace for key a");
});

test("sources and objects are told apart, and only so many are known", async () => {
  const limits = await configuration({ type: "SourceAndObject", qps: 1, burst: 1, cacheSize: 1 });
  const plugin = eventRateLimit({ clock: virtualClock(), configuration: { eventLimits: limits } });
  await run(plugin, events, event("a", "p"));
  await assert.rejects(run(plugin, events, event("a", "p")), /limit reached on type SourceAndObject/);
  await run(plugin, events, event("a", "q"));
  await run(plugin, events, event("a", "p"));
});

test("a configuration is needed, and must make sense", async () => {
  assert.throws(() => eventRateLimit({ clock: virtualClock() }), /needs a configuration/);
  await assert.rejects(configuration(), /limits: Invalid value/);
  await assert.rejects(
    configuration({ type: "Nope", qps: 0, burst: 1 }),
    /limits\[0\]\.type: Unsupported value: "Nope".*limits\[0\]\.qps: Invalid value: 0: must be positive/,
  );
  await assert.rejects(
    configuration({ type: "Server", qps: 1, burst: 1, cacheSize: 1 }),
    /must not be specified for server limits/,
  );
});
