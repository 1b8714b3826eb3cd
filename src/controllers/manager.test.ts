import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { configMaps, leases, namespaces, serviceAccounts } from "../api/resource-types.ts";
import { forbidden } from "../api/status-error.ts";
import { silentLogger } from "../base/logger.ts";
import { seededRandom } from "../base/random.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { eventually, fakeClient } from "../client/fake-client.fixture.ts";
import type { ControllerDefinition } from "./controller.ts";
import { withControllers } from "./controller-bench.fixture.ts";
import { selectControllers, startControllerManager } from "./manager.ts";
import { rootCaPublisher } from "./root-ca-publisher.ts";
import { serviceAccountController } from "./service-account.ts";

const definition = (name: string, alias: string): ControllerDefinition => ({
  name,
  alias,
  create: () => ({ run: async () => {} }),
});
const known: ControllerDefinition[] = [
  definition("a-controller", "a"),
  definition("b-controller", "b"),
  definition("c-controller", "c"),
  { ...definition("off-controller", "off"), offByDefault: true },
];

suite("--controllers", () => {
  const cases: [string[], string[]][] = [
    [["*"], ["a-controller", "b-controller", "c-controller"]],
    [
      ["*", "-b-controller"],
      ["a-controller", "c-controller"],
    ],
    [["b-controller"], ["b-controller"]],
    [
      ["a", "c"],
      ["a-controller", "c-controller"],
    ],
    [
      ["-a", "*"],
      ["b-controller", "c-controller"],
    ],
    [
      ["*", "off-controller"],
      ["a-controller", "b-controller", "c-controller", "off-controller"],
    ],
    [["off"], ["off-controller"]],
    [["*", "-off", "-a", "-b"], ["c-controller"]],
    [[], []],
  ];
  for (const [wanted, expected] of cases) {
    test(wanted.join(",") || "none", () =>
      assert.deepEqual(
        selectControllers(wanted, silentLogger, known).map(({ name }) => name),
        expected,
      ),
    );
  }
  test("an unknown name is refused", () =>
    assert.throws(
      () => selectControllers(["*", "-nope"], silentLogger, known),
      /"nope" is not in the list of known controllers/,
    ));
});

suite("controller manager", () => {
  const bench = () => {
    const clock = virtualClock();
    const fake = fakeClient({ clock });
    fake.put(namespaces, { metadata: { name: "default" }, status: { phase: "Active" } });
    const options = { client: fake, clock, random: seededRandom(1), logger: silentLogger };
    return { clock, fake, options };
  };

  test("starts, works, and stops without leaving a watch or a timer", async () => {
    const { clock, fake, options } = bench();
    const manager = startControllerManager({ ...options, settings: { rootCa: "PEM" } });
    await manager.started;
    await eventually(() => fake.all(serviceAccounts).length === 1 && fake.all(configMaps).length === 1);
    await manager.stop();
    assert.equal(fake.watching, 0);
    assert.equal(clock.pending, 0);
  });

  test("with leader election it works only as the leader, and lets go of the lease at the end", async () => {
    const { clock, fake, options } = bench();
    fake.put(leases, {
      metadata: { name: "kube-controller-manager", namespace: "kube-system" },
      spec: { holderIdentity: "other", leaseDurationSeconds: 15 },
    });
    const manager = startControllerManager({ ...options, leaderElection: { identity: "me" } });
    await clock.advance(10_000);
    assert.equal(fake.all(serviceAccounts).length, 0);
    await clock.advance(10_000);
    await manager.started;
    await eventually(() => fake.all(serviceAccounts).length === 1);
    await manager.stop();
    assert.equal(fake.peek(leases, "kube-controller-manager", "kube-system")?.spec?.holderIdentity, "");
  });

  test("each controller works with the rights of its own ServiceAccount", async () => {
    const { fake, options } = bench();
    const asked: string[] = [];
    const manager = startControllerManager({
      ...options,
      controllers: ["serviceaccount-controller", "deployment-controller"],
      clientFor: (account) => {
        asked.push(account);
        return fake;
      },
    });
    await manager.started;
    assert.deepEqual(asked.sort(), ["deployment-controller", "service-account-controller"]);
    await manager.stop();
  });
});

suite("what each namespace gets", () => {
  const active = (name: string) => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name },
    status: { phase: "Active" },
  });
  const both = [serviceAccountController, rootCaPublisher];

  test("a ServiceAccount and the root CA; mended when broken; nothing when all is there", () =>
    withControllers(both, { objects: [active("a")], settings: { rootCa: "PEM" } }, async (bench) => {
      const { fake, settle } = bench;
      fake.put(namespaces, active("b"));
      await settle();
      assert.deepEqual(
        fake.all(serviceAccounts).map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`),
        ["a/default", "b/default"],
      );
      const map = fake.peek(configMaps, "kube-root-ca.crt", "a")!;
      assert.deepEqual(map.data, { "ca.crt": "PEM" });
      assert.match(
        map.metadata?.annotations?.["kubernetes.io/description"] ?? "",
        /^Contains a CA bundle that can be used/,
      );
      await bench.assertQuiet();

      fake.put(configMaps, { ...map, data: { "ca.crt": "forged", more: "x" } });
      fake.remove(configMaps, "kube-root-ca.crt", "b");
      fake.remove(serviceAccounts, "default", "b");
      await settle();
      assert.deepEqual(fake.peek(configMaps, "kube-root-ca.crt", "a")?.data, { "ca.crt": "PEM" });
      assert.ok(fake.peek(configMaps, "kube-root-ca.crt", "b"));
      assert.ok(fake.peek(serviceAccounts, "default", "b"));
    }));

  test("a namespace that is going away gets nothing, and its refusal is no failure", () => {
    const refusal = forbidden({ resource: "x" }, "x", "because it is being terminated");
    refusal.status.details = { causes: [{ reason: "NamespaceTerminating" }] };
    return withControllers(
      both,
      {
        objects: [
          { ...active("a"), metadata: { name: "a", deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["x/y"] } },
          active("b"),
        ],
        settings: { rootCa: "PEM" },
        prepare: (fake) =>
          void fake.intercept(({ verb }) => {
            if (verb === "create") throw refusal;
          }),
      },
      async ({ fake }) => {
        assert.equal(fake.actions.filter(({ verb }) => verb === "create").length, 2);
      },
    );
  });
});
