import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { events } from "../api/resource-types.ts";
import { forbidden } from "../api/status-error.ts";
import type { Pod } from "../api/types/core.v1.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { ConnectionError } from "./client.ts";
import { eventRecorder } from "./event-broadcaster.ts";
import { fakeClient } from "./fake-client.fixture.ts";

const pod: Pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web", namespace: "shop", uid: "u1", resourceVersion: "7" },
};
function bench(host?: string) {
  const clock = virtualClock();
  const fake = fakeClient({ clock });
  const recorder = eventRecorder({
    client: fake,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    component: "kubelet",
    ...(host ? { host } : {}),
  });
  return { clock, fake, recorder, all: () => fake.all(events) };
}

suite("event recorder", () => {
  test("writes upstream's fields", async () => {
    const { recorder, all } = bench("node-1");
    recorder.event(pod, "Normal", "Pulled", "Container image pulled");
    await recorder.flush();
    const [event] = all();
    assert.match(event?.metadata.name ?? "", /^web\.1886[0-9a-f]{12}$/);
    const { metadata, ...rest } = event!;
    assert.equal(metadata.namespace, "shop");
    assert.deepEqual(rest, {
      apiVersion: "v1",
      kind: "Event",
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        name: "web",
        namespace: "shop",
        uid: "u1",
        resourceVersion: "7",
      },
      reason: "Pulled",
      message: "Container image pulled",
      source: { component: "kubelet", host: "node-1" },
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:00:00Z",
      type: "Normal",
      count: 1,
      reportingComponent: "kubelet",
      reportingInstance: "node-1",
    });
  });

  test("counts repetitions on one object by a small patch", async () => {
    const { clock, fake, recorder, all } = bench();
    recorder.event(pod, "Warning", "BackOff", "Back-off");
    await clock.advance(61_000);
    recorder.event({ ...pod, metadata: { ...pod.metadata, resourceVersion: "8" } }, "Warning", "BackOff", "Back-off");
    await recorder.flush();
    assert.equal(all().length, 1);
    assert.equal(all()[0]!.count, 2);
    assert.equal(all()[0]!.firstTimestamp, "2026-01-01T00:00:00Z");
    assert.equal(all()[0]!.lastTimestamp, "2026-01-01T00:01:01Z");
    assert.deepEqual(fake.writes()[1]!.body, {
      count: 2,
      message: "Back-off",
      lastTimestamp: "2026-01-01T00:01:01Z",
    });
  });

  test("an event that expired meanwhile is made anew, with its count", async () => {
    const { fake, recorder, all } = bench();
    recorder.event(pod, "Warning", "BackOff", "Back-off");
    await recorder.flush();
    fake.remove(events, all()[0]!.metadata.name!, "shop");
    recorder.event(pod, "Warning", "BackOff", "Back-off");
    await recorder.flush();
    assert.deepEqual(
      all().map(({ count }) => count),
      [2],
    );
  });

  test("the tenth similar message begins a combined event", async () => {
    const { recorder, all } = bench();
    for (let i = 1; i <= 12; i++) recorder.event(pod, "Warning", "Failed", `attempt ${i}`);
    await recorder.flush();
    assert.equal(all().length, 10);
    const combined = all().find(({ message }) => message?.startsWith("(combined from similar events): "));
    assert.equal(combined?.message, "(combined from similar events): attempt 12");
    assert.equal(combined?.count, 3);
  });

  test("one source says no more than 25 things about an object, then one in five minutes", async () => {
    const { clock, fake, recorder } = bench();
    for (let i = 0; i < 40; i++) recorder.event(pod, "Normal", `Reason${i}`, "x");
    recorder.event({ ...pod, metadata: { ...pod.metadata, uid: "u2" } }, "Normal", "Other", "x");
    await recorder.flush();
    assert.equal(fake.writes().length, 26);
    await clock.advance(300_000);
    recorder.event(pod, "Normal", "Later", "x");
    recorder.event(pod, "Normal", "Later2", "x");
    await recorder.flush();
    assert.equal(fake.writes().length, 27);
  });

  test("an event about a cluster-scoped object goes to default; long messages are clipped", async () => {
    const { recorder, all } = bench();
    recorder.event({ kind: "Node", name: "n1", uid: "n1" }, "Normal", "Starting", "m".repeat(2000));
    await recorder.flush();
    assert.equal(all()[0]!.metadata.namespace, "default");
    assert.equal(all()[0]!.message?.length, 1024);
    assert.deepEqual(all()[0]!.involvedObject, { kind: "Node", name: "n1", uid: "n1" });
  });

  test("tries again while the server is away, and gives up what it rejects", async () => {
    const { clock, fake, recorder, all } = bench();
    const release = fake.intercept(() => {
      throw new ConnectionError("refused");
    });
    recorder.event(pod, "Normal", "Pulled", "x");
    await clock.advance(15_000);
    assert.equal(all().length, 0);
    release();
    await clock.advance(10_000);
    assert.equal(all().length, 1);
    fake.intercept(() => {
      throw forbidden({ resource: "events" }, "", "no");
    });
    recorder.event(pod, "Normal", "Killing", "x");
    await recorder.flush();
    assert.equal(all().length, 1);
  });
});
