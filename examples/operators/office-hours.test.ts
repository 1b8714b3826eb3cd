import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "knarr/testing";
import { hoursAt, officeHours, officeHoursController } from "./office-hours.ts";

const at = (text: string) => Date.parse(text);

test("opening times, across midnight too", () => {
  const noon = at("2026-03-02T12:00:00Z");
  assert.deepEqual(hoursAt(noon, 8, 18), { open: true, until: at("2026-03-02T18:00:00Z") });
  assert.deepEqual(hoursAt(noon, 22, 4), { open: false, until: at("2026-03-02T22:00:00Z") });
  assert.deepEqual(hoursAt(at("2026-03-02T02:00:00Z"), 22, 4), { open: true, until: at("2026-03-02T04:00:00Z") });
});

test("a Deployment follows the hours through a day, whatever is done to it", async () => {
  await using cluster = await startCluster({ startTime: "2026-03-02T07:00:00Z" });
  const { client, clock } = cluster;
  await client.create(officeHours.definition);
  await cluster.settled();
  await cluster.startManager([officeHoursController]);

  const labels = { app: "shop" };
  await client.create({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "shop" },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "shop", image: "shop:1" }] } },
    },
  });
  await client.create({
    apiVersion: "examples.knarr.dev/v1",
    kind: "OfficeHours",
    metadata: { name: "shop" },
    spec: { deployment: "shop", replicas: 3, opens: 8, closes: 11 },
  });
  const running = async () =>
    (await client.get({ apiVersion: "apps/v1", kind: "Deployment", name: "shop" })).status?.readyReplicas ?? 0;

  await clock.advance("1m");
  assert.equal(await running(), 0, "closed before eight");
  await clock.advance("1h");
  assert.equal(await running(), 3, "open at eight");

  await client.patch({ apiVersion: "apps/v1", kind: "Deployment", name: "shop" }, "merge", { spec: { replicas: 9 } });
  await clock.advance("1m");
  assert.equal(await running(), 3, "nobody scales it by hand");

  await clock.advance("3h");
  assert.equal(await running(), 0, "closed at eleven");
  await clock.advance("21h");
  assert.equal(await running(), 3, "open again on the next day");

  const { status } = await client.resource(officeHours).get("shop", "default");
  assert.deepEqual(status, { open: true, until: "2026-03-03T11:00:00.000Z" });
});
