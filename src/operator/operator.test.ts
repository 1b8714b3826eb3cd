import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { configMaps, secrets } from "../api/resource-types.ts";
import type { ConfigMap, Secret } from "../api/types/core.v1.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { fakeClient } from "../client/fake-client.fixture.ts";
import { connect } from "./connect.ts";
import { customResource } from "./custom-resource.ts";
import { startManager } from "./manager.ts";
import { generationChanged, labelsChanged } from "./predicates.ts";
import { type Reconciler, reconciler } from "./reconciler.ts";

const map = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "default" },
  data,
});

async function managed(reconcilers: Reconciler[], objects: (ConfigMap | Secret)[] = []) {
  const clock = virtualClock();
  const random = seededRandom(1);
  const fake = fakeClient({ clock, objects });
  const manager = startManager({ client: fake, clock, random, logger: silentLogger, reconcilers });
  await manager.started;
  return { clock, fake, manager };
}

test("an object is reconciled with its newest state, again after a failure, and by the clock", async () => {
  const seen: string[] = [];
  let failures = 2;
  const subject = reconciler({
    name: "copy",
    for: configMaps,
    async reconcile(object) {
      if (failures-- > 0) throw new Error("not now");
      seen.push(object.data?.value ?? "");
      return { requeueAfter: "1h" };
    },
  });
  const { clock, fake, manager } = await managed([subject], [map("a", { value: "1" })]);
  await clock.advance(1000);
  fake.put(configMaps, { ...fake.peek(configMaps, "a", "default")!, data: { value: "2" } });
  await clock.advance(1000);
  assert.deepEqual(seen, ["1", "2"]);
  await clock.advance(3_600_000);
  assert.deepEqual(seen, ["1", "2", "2"]);
  await manager.stop();
  fake.put(configMaps, map("a", { value: "3" }));
  await clock.advance(3_600_000);
  assert.equal(seen.length, 3);
});

test("changes of what it owns and watches bring an object back; others do not", async () => {
  const seen: string[] = [];
  const subject = reconciler({
    name: "copy",
    for: configMaps,
    when: generationChanged,
    owns: [secrets],
    watches: [
      {
        kind: { apiVersion: "v1", kind: "Namespace" },
        when: labelsChanged,
        concerns: (namespace, view) =>
          view.list(configMaps, namespace.metadata?.name).map(({ metadata }) => `default/${metadata?.name}`),
      },
    ],
    async reconcile(object, { owned, get }) {
      assert.equal(get(configMaps, "a", "default"), object);
      seen.push(
        owned(secrets)
          .map(({ metadata }) => metadata?.name)
          .join(),
      );
    },
  });
  const { clock, fake, manager } = await managed([subject], [map("a")]);
  await clock.advance(100);
  const uid = fake.peek(configMaps, "a", "default")!.metadata!.uid!;
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "a", uid, controller: true };
  fake.put(secrets, { metadata: { name: "mine", namespace: "default", ownerReferences: [owner] } });
  fake.put(secrets, { metadata: { name: "other", namespace: "default" } });
  await clock.advance(100);
  assert.deepEqual(seen, ["", "mine"]);
  fake.remove(secrets, "mine", "default");
  await clock.advance(100);
  assert.deepEqual(seen, ["", "mine", ""]);
  await manager.stop();
});

test("a definition that can't work is refused", async () => {
  const reconcile = async () => {};
  assert.throws(() => reconciler({ name: "No Name", for: configMaps, reconcile }), /is no name of a controller/);
  const finalizer = { name: "cleanup", finalize: reconcile };
  assert.throws(() => reconciler({ name: "a", for: configMaps, finalizer, reconcile }), /must have a domain/);
  assert.throws(() => reconciler({ name: "a", for: configMaps, workers: 0, reconcile }), /workers/);
  const odd = reconciler({ name: "a", for: { apiVersion: "example.com/v1", kind: "Nothing" }, reconcile });
  await assert.rejects(managed([odd]), /no kind Nothing in example.com\/v1/);
});

test("a kind is defined once: its resource, its types and its CustomResourceDefinition", () => {
  const widgets = customResource({
    group: "example.com",
    version: "v1",
    kind: "Widget",
    scope: "Cluster",
    spec: {
      type: "object",
      required: ["size"],
      properties: {
        size: { type: "integer" },
        color: { type: "string", enum: ["red", "blue"] },
        parts: { type: "array", items: { type: "object", additionalProperties: { type: "boolean" } } },
      },
    },
  });
  const spec: NonNullable<(typeof widgets)["__object"]>["spec"] = { size: 3, color: "red", parts: [{ a: true }] };
  // @ts-expect-error: the color is none of those that the schema names.
  spec.color = "green";
  const { definition, resource, namespaced } = widgets;
  assert.deepEqual([resource, namespaced, definition.metadata?.name], ["widgets", false, "widgets.example.com"]);
  assert.equal(definition.spec.versions[0]?.subresources, undefined);
});

test("a connection is made by the kubeconfig that is named, or not at all", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "knarr-connect-"));
  t.after(() => rm(directory, { recursive: true }));
  await assert.rejects(connect({ environment: { HOME: directory } }), /neither .*config nor a ServiceAccount/);
  const path = join(directory, "config");
  await writeFile(path, "apiVersion: v1\nkind: Config\n");
  await assert.rejects(connect({ kubeconfig: path, environment: {} }), /names no current context/);
});
