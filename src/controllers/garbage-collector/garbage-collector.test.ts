import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { KubeObject, ResourceType } from "../../api/object.ts";
import {
  apiServices,
  configMaps,
  customResourceDefinitions,
  deployments,
  namespaces,
  pods,
  replicaSets,
  secrets,
} from "../../api/resource-types.ts";
import { conflict } from "../../api/status-error.ts";
import type { OwnerReference } from "../../api/types/meta.v1.ts";
import type { FakeClient } from "../../client/fake-client.fixture.ts";
import { withControllers } from "../controller-bench.fixture.ts";
import { garbageCollector } from "./controller.ts";
import { judge, type OwnerState } from "./owner-classes.ts";
import { type GraphNode, ownerGraph } from "./owner-graph.ts";

const types = [namespaces, configMaps, secrets, pods, deployments, replicaSets, customResourceDefinitions, apiServices];

/** An object of `kind` named `name`, whose uid is its name too. */
const object = (
  kind: string,
  name: string,
  owners: Partial<OwnerReference>[] = [],
  rest: KubeObject["metadata"] = {},
): KubeObject => ({
  apiVersion: kind === "Deployment" || kind === "ReplicaSet" ? "apps/v1" : "v1",
  kind,
  metadata: {
    name,
    ...(kind === "Namespace" ? {} : { namespace: "default" }),
    uid: name,
    ...(owners.length > 0 ? { ownerReferences: owners.map((owner) => ref(owner)) } : {}),
    ...rest,
  },
});
const ref = (owner: Partial<OwnerReference>): OwnerReference => {
  const kind = owner.kind ?? "ConfigMap";
  return {
    apiVersion: kind === "Deployment" || kind === "ReplicaSet" ? "apps/v1" : "v1",
    kind,
    name: owner.name ?? "",
    uid: owner.uid ?? owner.name ?? "",
    ...owner,
  };
};
const bench = (objects: KubeObject[], run: Parameters<typeof withControllers>[2]) =>
  withControllers(garbageCollector, { types, objects }, run);

suite("verdicts", () => {
  const dependent = (deletingDependents: boolean) => ({ deletingDependents }) as GraphNode;
  const cases: [string, Record<string, OwnerState>, GraphNode[], string[], string][] = [
    ["no owners", {}, [], [], "keep"],
    ["an owner that stays", { a: "present" }, [], [], "keep"],
    ["one stays, one is gone", { a: "present", b: "absent" }, [], [], "drop b"],
    ["one stays, one is leaving in the foreground", { a: "present", b: "deletingDependents" }, [], [], "drop b"],
    ["all gone", { a: "absent", b: "absent" }, [], [], "delete Background"],
    ["all gone, its own dependents to be orphaned", { a: "absent" }, [], ["orphan"], "delete Orphan"],
    ["all gone, its own dependents first", { a: "absent" }, [], ["foregroundDeletion"], "delete Foreground"],
    [
      "the owner waits, and it has dependents",
      { a: "deletingDependents" },
      [dependent(false)],
      [],
      "delete Foreground",
    ],
    ["the owner waits, and it has none", { a: "deletingDependents" }, [], [], "delete Background"],
    ["a circle", { a: "deletingDependents" }, [dependent(true)], [], "delete Foreground unblock"],
  ];
  for (const [what, owners, dependents, finalizers, expected] of cases) {
    test(what, () => {
      const one = object(
        "ConfigMap",
        "x",
        Object.keys(owners).map((name) => ({ name })),
        { finalizers },
      );
      const verdict = judge(one, (reference) => owners[reference.uid]!, dependents);
      const text =
        verdict.action === "delete"
          ? `delete ${verdict.propagationPolicy}${verdict.unblock ? " unblock" : ""}`
          : verdict.action === "drop-references"
            ? `drop ${verdict.uids}`
            : "keep";
      assert.equal(text, expected);
    });
  }
});

suite("owner graph", () => {
  const type = configMaps as unknown as ResourceType;
  const see = (...args: Parameters<typeof object>) => graph.observe(type, object(...args));
  let graph = ownerGraph();

  test("an owner nobody has seen is to be asked for, once", () => {
    graph = ownerGraph();
    assert.deepEqual([...see("ConfigMap", "a", [{ name: "owner" }]).attemptToDelete], ["owner"]);
    assert.deepEqual([...see("ConfigMap", "a", [{ name: "owner" }]).attemptToDelete], []);
    assert.deepEqual(
      graph.dependents("owner").map(({ uid }) => uid),
      ["a"],
    );
  });

  test("in whatever order they come, the deletion of an owner leads to its dependents", () => {
    graph = ownerGraph();
    see("ConfigMap", "a", [{ name: "owner" }]);
    see("ConfigMap", "owner");
    see("ConfigMap", "b", [{ name: "owner" }]);
    assert.deepEqual([...graph.remove("owner").attemptToDelete], ["a", "b"]);
  });

  test("references that are taken off are forgotten", () => {
    graph = ownerGraph();
    see("ConfigMap", "owner");
    see("ConfigMap", "a", [{ name: "owner" }]);
    see("ConfigMap", "a");
    assert.deepEqual([...graph.remove("owner").attemptToDelete], []);
  });

  test("a foreground deletion looks at all dependents, later ones too, and at itself when one goes", () => {
    graph = ownerGraph();
    see("ConfigMap", "a", [{ name: "owner", blockOwnerDeletion: true }]);
    see("ConfigMap", "owner");
    const deletion = { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["foregroundDeletion"] };
    assert.deepEqual([...see("ConfigMap", "owner", [], deletion).attemptToDelete], ["a", "owner"]);
    assert.deepEqual([...see("ConfigMap", "late", [{ name: "owner" }]).attemptToDelete], ["late"]);
    assert.deepEqual(
      [...see("ConfigMap", "a", [{ name: "owner", blockOwnerDeletion: false }]).attemptToDelete].sort(),
      ["a", "owner"],
    );
    assert.deepEqual([...graph.remove("a").attemptToDelete], ["owner"]);
  });
});

/** An owner that is there, of a kind that is served but can't be watched. */
function hideFromWatches(fake: FakeClient): void {
  const hidden: ResourceType = {
    group: "x.io",
    version: "v1",
    resource: "hiddens",
    kind: "ConfigMap",
    namespaced: true,
  };
  const { resource } = fake;
  fake.put(hidden, { metadata: { name: "late", namespace: "default", uid: "late" } });
  // The collector asks for the ConfigMap of this name; it is told of one that its list does not have.
  Object.assign(fake, {
    resource: (type: ResourceType, view?: object) => {
      const real = resource(type, view);
      if (type.resource !== "configmaps") return real;
      const get: typeof real.get = (name, ...rest) =>
        name === "late" ? resource(hidden).get(name, ...rest) : real.get(name, ...rest);
      return { ...real, get };
    },
  });
}

suite("garbage collector", () => {
  const tree = [
    object("Deployment", "web"),
    object("ReplicaSet", "web-1", [{ kind: "Deployment", name: "web", controller: true, blockOwnerDeletion: true }]),
    object("Pod", "web-1-a", [{ kind: "ReplicaSet", name: "web-1", controller: true, blockOwnerDeletion: true }]),
    object("Pod", "other"),
  ];

  test("in the background: the owner goes, then what it owned, level by level", () =>
    bench(tree, async ({ fake, settle }) => {
      await fake.resource(deployments).delete("web", "default", { propagationPolicy: "Background" });
      await settle();
      assert.equal(fake.all(deployments).length + fake.all(replicaSets).length, 0);
      assert.deepEqual(
        fake.all(pods).map(({ metadata }) => metadata?.name),
        ["other"],
      );
    }));

  test("in the foreground: what is owned goes first", () =>
    bench(tree, async ({ fake, settle }) => {
      const order: string[] = [];
      fake.intercept(({ verb, name }) => {
        if (verb === "patch" || verb === "delete") order.push(`${verb} ${name}`);
      });
      await fake.resource(deployments).delete("web", "default", { propagationPolicy: "Foreground" });
      await settle();
      assert.equal(fake.all(deployments).length + fake.all(replicaSets).length + fake.all(pods).length, 1);
      assert.deepEqual(order, [
        "delete web",
        "delete web-1",
        "delete web-1-a",
        // The finalizers go from the leaves to the root.
        "patch web-1",
        "patch web",
      ]);
    }));

  test("a pod that takes its time holds up the foreground deletion", () => {
    const pod = tree[2] as KubeObject & { spec?: unknown };
    const scheduled = { ...pod, spec: { containers: [], nodeName: "n" } } as KubeObject;
    return bench([tree[0]!, tree[1]!, scheduled], async ({ fake, settle }) => {
      await fake.resource(deployments).delete("web", "default", { propagationPolicy: "Foreground" });
      await settle();
      assert.ok(fake.peek(deployments, "web", "default")?.metadata?.deletionTimestamp);
      assert.ok(fake.peek(pods, "web-1-a", "default")?.metadata?.deletionTimestamp);
      fake.remove(pods, "web-1-a", "default");
      await settle();
      assert.equal(fake.all(deployments).length + fake.all(replicaSets).length, 0);
    });
  });

  test("orphaned: what was owned stays, without the reference", () =>
    bench(tree, async ({ fake, settle }) => {
      await fake.resource(deployments).delete("web", "default", { propagationPolicy: "Orphan" });
      await settle();
      assert.equal(fake.all(deployments).length, 0);
      assert.deepEqual(fake.peek(replicaSets, "web-1", "default")?.metadata?.ownerReferences, []);
      assert.equal(fake.all(pods).length, 2);
    }));

  test("an object with another owner stays, and loses the reference", () =>
    bench(
      [object("ConfigMap", "a"), object("ConfigMap", "b"), object("Secret", "s", [{ name: "a" }, { name: "b" }])],
      async ({ fake, settle }) => {
        await fake.resource(configMaps).delete("a", "default");
        await settle();
        assert.deepEqual(
          fake.peek(secrets, "s", "default")?.metadata?.ownerReferences?.map(({ name }) => name),
          ["b"],
        );
      },
    ));

  test("an owner that never was, or is another of the same name, is none", () =>
    bench(
      [
        object("Secret", "lost", [{ name: "never" }]),
        object("ConfigMap", "reborn", [], { uid: "second" }),
        object("Secret", "stale", [{ name: "reborn", uid: "first" }]),
        object("Secret", "fine", [{ name: "reborn", uid: "second" }]),
      ],
      async ({ fake }) => {
        assert.deepEqual(
          fake.all(secrets).map(({ metadata }) => metadata?.name),
          ["fine"],
        );
      },
    ));

  test("an owner in another namespace is none, and it is said", () =>
    bench(
      [object("ConfigMap", "there", [], { namespace: "elsewhere" }), object("Secret", "here", [{ name: "there" }])],
      async ({ fake, events }) => {
        assert.equal(fake.all(secrets).length, 0);
        assert.deepEqual(events(), [
          'OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: default, name: there, uid: there] does not exist in namespace "default"',
        ]);
      },
    ));

  test("a cluster-scoped object with a namespaced owner is left alone, without end of trying", () =>
    bench([object("Namespace", "ns", [{ name: "map" }])], async (bench) => {
      await bench.assertQuiet();
      assert.ok(bench.fake.peek(namespaces, "ns"));
    }));

  test("two that own each other go together in the foreground", () =>
    bench(
      [
        object("ConfigMap", "a", [{ name: "b", blockOwnerDeletion: true }]),
        object("ConfigMap", "b", [{ name: "a", blockOwnerDeletion: true }]),
      ],
      async ({ fake, settle }) => {
        await fake.resource(configMaps).delete("a", "default", { propagationPolicy: "Foreground" });
        await settle(60_000);
        assert.equal(fake.all(configMaps).length, 0);
      },
    ));

  test("an object that gets an owner at the last moment is spared", () =>
    bench(
      [object("ConfigMap", "a"), object("ConfigMap", "new"), object("Secret", "s", [{ name: "a" }])],
      async ({ fake, settle }) => {
        let once = true;
        fake.intercept(({ verb, name }) => {
          if (verb !== "delete" || name !== "s" || !once) return;
          once = false;
          const present = fake.peek(secrets, "s", "default")!;
          const ownerReferences = [...present.metadata!.ownerReferences!, ref({ name: "new" })];
          fake.put(secrets, { ...present, metadata: { ...present.metadata, ownerReferences } });
        });
        await fake.resource(configMaps).delete("a", "default");
        await settle(1000);
        assert.deepEqual(
          fake.peek(secrets, "s", "default")?.metadata?.ownerReferences?.map(({ name }) => name),
          ["new"],
        );
      },
    ));

  test("failures are tried again", () =>
    bench([object("ConfigMap", "a"), object("Secret", "s", [{ name: "a" }])], async ({ fake, settle }) => {
      let failures = 0;
      fake.intercept(({ verb, resource }) => {
        if (verb === "delete" && resource === "secrets" && failures++ < 3) throw conflict({ resource }, "s", "x");
      });
      await fake.resource(configMaps).delete("a", "default");
      await settle(1000);
      assert.equal(fake.all(secrets).length, 0);
    }));

  test("a watch that was cut misses nothing", () =>
    bench([object("ConfigMap", "a"), object("Secret", "s", [{ name: "a" }])], async ({ fake, settle }) => {
      fake.cutWatches({ forget: true });
      fake.remove(configMaps, "a", "default");
      await settle(5000);
      assert.equal(fake.all(secrets).length, 0);
    }));

  test("an owner that no watch shows is asked for ever more rarely", () =>
    withControllers(
      garbageCollector,
      { types, objects: [object("ConfigMap", "a", [{ name: "late" }])], prepare: (fake) => hideFromWatches(fake) },
      async ({ fake, settle }) => {
        fake.clearActions();
        await settle(3_600_000);
        const asked = fake.actions.filter(({ verb, name }) => verb === "get" && name === "late").length;
        assert.ok(asked > 3 && asked < 15, `${asked} times`);
        assert.ok(fake.peek(configMaps, "a", "default"));
      },
    ));

  test("does nothing while nothing happens", () => bench(tree, (bench) => bench.assertQuiet()));

  test("follows what is served: a new resource is collected too", async () => {
    const widgets: ResourceType = {
      group: "x.io",
      version: "v1",
      resource: "widgets",
      kind: "Widget",
      namespaced: true,
    };
    const served = [...types];
    await withControllers(garbageCollector, { types: served }, async ({ fake, settle }) => {
      served.push(widgets as never);
      fake.put(customResourceDefinitions, { metadata: { name: "widgets.x.io" }, spec: {} as never });
      await settle(2000);
      fake.put(widgets, { metadata: { name: "w", namespace: "default", uid: "w" } });
      const owner = ref({ apiVersion: "x.io/v1", kind: "Widget", name: "w" });
      fake.put(secrets, { metadata: { name: "s", namespace: "default", ownerReferences: [owner] } });
      await settle();
      assert.equal(fake.all(secrets).length, 1);
      fake.remove(widgets, "w", "default");
      await settle();
      assert.equal(fake.all(secrets).length, 0);
    });
  });
});
