import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnknownObject } from "../object.ts";
import { schemaOf } from "../schema/schema.ts";
import { StatusError } from "../status-error.ts";
import { type ApplyRequest, applyPatch } from "./apply.ts";
import { LAST_APPLIED } from "./last-applied.ts";
import { resetFieldsOf, trackUpdate } from "./track-update.ts";

const kind = { group: "apps", version: "v1", kind: "Deployment" };
const type = { apiVersion: "apps/v1", kind: "Deployment" };
const start = Date.UTC(2026, 0, 1);

const config = (spec: object, metadata: object = {}): UnknownObject => ({
  ...type,
  metadata: { name: "web", namespace: "default", ...metadata },
  spec,
});
const containers = (...list: object[]) => ({ template: { spec: { containers: list } } });

/** A store of one object. */
function cluster() {
  let live: UnknownObject | undefined;
  let now = start;
  const store = (object: UnknownObject, managedFields: unknown) => {
    const { managedFields: _, ...metadata } = object.metadata ?? {};
    live = { ...object, metadata: { ...metadata, ...(managedFields ? { managedFields } : {}) } } as UnknownObject;
    now += 60_000;
    return live;
  };
  return {
    get live() {
      return live!;
    },
    apply(applied: UnknownObject, manager: string, options: Partial<ApplyRequest> = {}) {
      const resetFields = resetFieldsOf(options.subresource, true);
      const result = applyPatch({ live, applied, manager, force: false, expected: kind, resetFields, now, ...options });
      return store(result.object, result.managedFields);
    },
    update(updated: UnknownObject, manager: string, subresource?: string) {
      const schema = schemaOf(kind);
      const resetFields = resetFieldsOf(subresource, true);
      return store(
        updated,
        trackUpdate({ live, updated, manager, apiVersion: "apps/v1", schema, subresource, resetFields, now }),
      );
    },
  };
}
const owners = (object: UnknownObject) =>
  Object.fromEntries(
    (object.metadata?.managedFields ?? []).map(({ manager, operation, subresource, fieldsV1 }) => [
      [manager, operation, subresource].filter(Boolean).join(" "),
      fieldsV1,
    ]),
  );
const conflict = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return { code: error.code, message: error.message, causes: error.status.details?.causes };
  }
  return undefined;
};

test("creation by apply owns what is given, and nothing that the server sets", () => {
  const { apply } = cluster();
  const object = apply(
    config({ replicas: 1, ...containers({ name: "a", image: "x", ports: [{ containerPort: 80 }] }) }),
    "me",
  );
  assert.deepEqual(owners(object), {
    "me Apply": {
      "f:spec": {
        "f:replicas": {},
        "f:template": {
          "f:spec": {
            "f:containers": {
              'k:{"name":"a"}': {
                ".": {},
                "f:name": {},
                "f:image": {},
                "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
              },
            },
          },
        },
      },
    },
  });
  assert.deepEqual(object.spec, {
    replicas: 1,
    strategy: {},
    template: {
      metadata: {},
      spec: { containers: [{ name: "a", image: "x", ports: [{ containerPort: 80 }], resources: {} }] },
    },
  });
});

test("a field of another manager is a conflict, unless forced", () => {
  const server = cluster();
  server.update(config({ replicas: 1 }), "kubectl-client-side-apply");
  const update = config({ replicas: 2 });
  assert.deepEqual(
    conflict(() => server.apply(update, "me")),
    {
      code: 409,
      message: 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
      causes: [
        {
          reason: "FieldManagerConflict",
          message: 'conflict with "kubectl-client-side-apply" using apps/v1',
          field: ".spec.replicas",
        },
      ],
    },
  );
  server.apply(update, "me", { force: true });
  assert.deepEqual(owners(server.live), { "me Apply": { "f:spec": { "f:replicas": {} } } });
  // Agreeing is no conflict: both own the field then, and the second has no time.
  server.apply(update, "other");
  assert.deepEqual(
    server.live.metadata?.managedFields?.map(({ manager, time }) => [manager, time]),
    [
      ["other", undefined],
      ["me", "2026-01-01T00:01:00Z"],
    ],
  );
  server.apply(config({ replicas: 2, ...containers({ name: "a", image: "x" }) }), "me");
  const message = conflict(() =>
    server.apply(config({ replicas: 3, ...containers({ name: "a", image: "y" }) }), "third"),
  )?.message;
  assert.equal(
    message,
    [
      'Apply failed with 3 conflicts: conflicts with "me":',
      "- .spec.replicas",
      '- .spec.template.spec.containers[name="a"].image',
      'conflicts with "other":',
      "- .spec.replicas",
    ].join("\n"),
  );
});

test("what is no longer applied goes, unless somebody else owns it", () => {
  const server = cluster();
  server.apply(
    config(
      { replicas: 1, paused: true, ...containers({ name: "a", image: "x" }, { name: "b", image: "y" }) },
      { labels: { one: "1", two: "2" } },
    ),
    "me",
  );
  server.apply(config({ replicas: 1, ...containers({ name: "b", command: ["c"] }) }), "other");
  server.apply(config(containers({ name: "a", image: "x" }), { labels: { one: "1" } }), "me");
  const { spec, metadata } = server.live as { spec: Record<string, unknown>; metadata: Record<string, unknown> };
  assert.deepEqual(metadata.labels, { one: "1" });
  assert.equal("paused" in spec, false);
  assert.equal(spec.replicas, 1);
  assert.deepEqual((spec.template as { spec: object }).spec, {
    containers: [
      { name: "a", image: "x", resources: {} },
      { name: "b", command: ["c"], resources: {} },
    ],
  });
});

test("lists keep the applied order, and the live order of the rest", () => {
  const cases: [string[], string[], string[]][] = [
    [["a", "b"], ["c"], ["a", "b", "c"]],
    [
      ["a", "b", "c"],
      ["c", "a"],
      ["b", "c", "a"],
    ],
    [
      ["a", "b", "c"],
      ["x", "b"],
      ["a", "x", "b", "c"],
    ],
    [
      ["a", "b"],
      ["b", "x", "a"],
      ["b", "x", "a"],
    ],
  ];
  for (const [live, applied, wanted] of cases) {
    const server = cluster();
    const named = (names: string[]) => config(containers(...names.map((name) => ({ name }))));
    server.update(named(live), "someone");
    server.apply(named(applied), "me");
    const { template } = server.live.spec as { template: { spec: { containers: { name: string }[] } } };
    assert.deepEqual(
      template.spec.containers.map(({ name }) => name),
      wanted,
      `${live} ${applied}`,
    );
  }
});

test("applying the same again changes nothing, time included", () => {
  const server = cluster();
  const before = server.apply(config({ replicas: 1 }), "me");
  const after = server.apply(config({ replicas: 1 }), "me");
  assert.deepEqual(after, before);
});

test("ordinary updates: the writer owns what it changed", () => {
  const server = cluster();
  server.update(config({ replicas: 1, strategy: { type: "Recreate" } }, { labels: { a: "1" } }), "creator");
  assert.deepEqual(owners(server.live), {
    "creator Update": {
      "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
      "f:spec": { "f:replicas": {}, "f:strategy": { "f:type": {} } },
    },
  });
  server.update(
    { ...server.live, spec: { ...(server.live.spec as object), replicas: 2 }, status: { replicas: 2 } },
    "scaler",
  );
  const status = { ...server.live, status: { replicas: 2, conditions: [{ type: "Available", status: "True" }] } };
  server.update(status, "controller", "status");
  assert.deepEqual(owners(server.live), {
    "creator Update": {
      "f:metadata": { "f:labels": { ".": {}, "f:a": {} } },
      "f:spec": { "f:strategy": { "f:type": {} } },
    },
    "scaler Update": { "f:spec": { "f:replicas": {} } },
    "controller Update status": {
      "f:status": {
        "f:conditions": {
          ".": {},
          'k:{"type":"Available"}': {
            ".": {},
            "f:lastTransitionTime": {},
            "f:lastUpdateTime": {},
            "f:status": {},
            "f:type": {},
          },
        },
      },
    },
  });
  const entries = server.live.metadata?.managedFields;
  server.update({ ...server.live }, "nobody");
  assert.equal(server.live.metadata?.managedFields, entries);
});

test("the bookkeeping sent along is used, unless it is unusable", () => {
  const server = cluster();
  const base = server.update(config({ replicas: 1 }), "creator");
  const sent = (managedFields: object[]) =>
    owners(server.update({ ...base, metadata: { ...base.metadata, managedFields } } as UnknownObject, "x"));
  const entry = { manager: "q", operation: "Update", apiVersion: "apps/v1", fieldsType: "FieldsV1" };
  assert.deepEqual(sent([{ ...entry, fieldsV1: { "f:spec": {} } }]), { "q Update": { "f:spec": {} } });
  assert.deepEqual(sent([{ ...entry, operation: "Odd" }]), { "q Update": { "f:spec": {} } });
  assert.deepEqual(sent([{ ...entry, fieldsV1: { nonsense: {} } }]), { "q Update": { "f:spec": {} } });
  assert.deepEqual(sent([]), { "q Update": { "f:spec": {} } });
  assert.deepEqual(sent([{}]), {});
});

test("an object of unknown history was written before the first apply", () => {
  const server = cluster();
  server.update(config({ replicas: 1 }), "creator");
  server.update({ ...server.live, metadata: { ...server.live.metadata, managedFields: [{}] } } as UnknownObject, "x");
  assert.deepEqual(owners(server.live), {});
  assert.equal(
    conflict(() => server.apply(config({ replicas: 2 }), "me"))?.message,
    'Apply failed with 1 conflict: conflict with "before-first-apply" using apps/v1: .spec.replicas',
  );
});

test("at most ten updaters are kept apart", () => {
  const server = cluster();
  for (let index = 0; index < 14; index++) {
    const labels = { ...server.live?.metadata?.labels, [`l${index}`]: "1" };
    server.update(config({}, { labels, managedFields: server.live?.metadata?.managedFields }), `m${index}`);
  }
  const entries = server.live.metadata?.managedFields ?? [];
  assert.equal(entries.length, 10);
  assert.deepEqual(
    Object.keys((entries[0]!.fieldsV1 as Record<string, Record<string, object>>)["f:metadata"]!["f:labels"]!),
    [".", "f:l0", "f:l1", "f:l2", "f:l3", "f:l4"],
  );
  assert.deepEqual([entries[0]?.manager, entries[1]?.manager], ["ancient-changes", "m5"]);
});

test("kubectl takes over from its own client-side apply", () => {
  const before = config({ replicas: 1 });
  const annotated = {
    ...before,
    metadata: { ...before.metadata, annotations: { [LAST_APPLIED]: JSON.stringify(before) } },
  };
  const server = cluster();
  server.update(annotated, "kubectl-client-side-apply");
  const after = config({ replicas: 2 });
  assert.equal(conflict(() => server.apply(after, "other"))?.code, 409);
  server.apply(after, "kubectl");
  assert.equal((server.live.spec as { replicas: number }).replicas, 2);
  assert.deepEqual(JSON.parse(server.live.metadata?.annotations?.[LAST_APPLIED] ?? ""), after);
  // What somebody else has changed since is still a conflict.
  server.update({ ...server.live, spec: { ...(server.live.spec as object), replicas: 5 } }, "scaler");
  assert.equal(conflict(() => server.apply(after, "kubectl"))?.code, 409);
});

test("status through its subresource", () => {
  const server = cluster();
  server.apply(config({ replicas: 1 }), "me");
  server.apply({ ...config({ replicas: 9 }), status: { replicas: 1 } }, "controller", {
    subresource: "status",
    force: true,
  });
  assert.deepEqual(owners(server.live), {
    "me Apply": { "f:spec": { "f:replicas": {} } },
    "controller Apply status": { "f:status": { "f:replicas": {} } },
  });
});

test("configurations that can't be applied", () => {
  const server = cluster();
  server.apply(config({}), "me");
  const prefix = "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): ";
  const cases: [UnknownObject, number, string][] = [
    [{ ...config({}), kind: "Pod" }, 400, "invalid object type: apps/v1, Kind=Pod"],
    [{ ...config({}), kind: { toString: "x" } as never }, 400, "invalid object type: apps/v1, Kind="],
    [{ ...config({}), apiVersion: "apps/v2" }, 400, "invalid object type: apps/v2, Kind=Deployment"],
    [config({}, { managedFields: [] }), 400, "metadata.managedFields must be nil"],
    [config({ foo: 1 }), 500, `${prefix}.spec.foo: field not declared in schema`],
    [config({ replicas: "x" }), 500, `${prefix}.spec.replicas: expected numeric (int or float), got string`],
    [config({ paused: "x" }), 500, `${prefix}.spec.paused: expected boolean, got &{x}`],
    [config({ template: [] }), 500, `${prefix}.spec.template: expected map, got &{[]}`],
    [
      config({ minReadySeconds: true, ...containers({ name: "a" }, { name: "a" }) }),
      500,
      `${prefix}errors:\n  .spec.minReadySeconds: expected numeric (int or float), got bool\n  .spec.template.spec.containers: duplicate entries for key [name="a"]`,
    ],
    [
      config({ strategy: { rollingUpdate: { maxSurge: true } } }),
      500,
      "failed to convert new object (default/web; apps/v1, Kind=Deployment) to proper version: unable to convert unstructured object to apps/v1, Kind=Deployment: json: cannot unmarshal bool into Go value of type int32",
    ],
  ];
  for (const [applied, code, message] of cases) {
    const refused = conflict(() => server.apply(applied, "other"));
    assert.deepEqual([refused?.code, refused?.message], [code, message]);
  }
});

test("objects without a schema are taken apart by their form", () => {
  const expected = { group: "example.com", version: "v1", kind: "Foo" };
  const object = (spec: unknown): UnknownObject => ({
    apiVersion: "example.com/v1",
    kind: "Foo",
    metadata: { name: "x" },
    spec,
  });
  const run = (live: UnknownObject | undefined, applied: UnknownObject, manager: string) => {
    const result = applyPatch({ live, applied, manager, force: false, expected, now: start });
    return {
      ...result.object,
      metadata: { ...result.object.metadata, managedFields: result.managedFields },
    } as UnknownObject;
  };
  let live = run(undefined, object({ a: { b: 1, c: 2 }, list: [1, 2] }), "me");
  assert.deepEqual(owners(live), {
    "me Apply": { "f:spec": { ".": {}, "f:a": { ".": {}, "f:b": {}, "f:c": {} }, "f:list": {} } },
  });
  live = run(live, object({ a: { d: 3 } }), "other");
  live = run(live, object({ list: [3] }), "me");
  assert.deepEqual(live.spec, { a: { d: 3 }, list: [3] });
});
