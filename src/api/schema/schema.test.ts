import assert from "node:assert/strict";
import { test } from "node:test";
import type { Field, StructType, Type } from "./schema.ts";
import { kindsOf, openApiName, schemaOf, struct, structNames } from "./schema.ts";
import { servedGroups, servedResources } from "./served-resources.ts";

/** The field at a path; lists and maps are passed through to what they hold. */
function at(path: string): Field {
  const [group, version, kind, ...names] = path.split("/") as [string, string, string, ...string[]];
  let type: Type = schemaOf({ group, version, kind })!;
  let field: Field | undefined;
  for (const name of names) {
    while (type.kind === "list" || type.kind === "map") type = type.kind === "list" ? type.items : type.values;
    field = (type as StructType).fields.get(name);
    assert.ok(field, `${path}: ${name}`);
    type = field.type;
  }
  return field!;
}

test("fields carry what decoding, patching and applying need", () => {
  const containers = at("apps/v1/Deployment/spec/template/spec/containers");
  assert.deepEqual(
    [containers.patchStrategy, containers.patchMergeKey, containers.required, containers.goType],
    ["merge", "name", true, "[]v1.Container"],
  );
  assert.deepEqual(containers.type.kind === "list" && [containers.type.listType, containers.type.keys], [
    "map",
    ["name"],
  ]);

  const ports = at("/v1/Pod/spec/containers/ports");
  assert.deepEqual(ports.type.kind === "list" && ports.type.keys, ["containerPort", "protocol"]);
  assert.equal(ports.patchMergeKey, "containerPort");

  const protocol = at("/v1/Pod/spec/containers/ports/protocol");
  assert.deepEqual([protocol.default, protocol.enum, protocol.goType], ["TCP", ["SCTP", "TCP", "UDP"], "v1.Protocol"]);

  const replicas = at("apps/v1/Deployment/spec/replicas");
  assert.deepEqual(
    [replicas.pointer, replicas.omit, replicas.type],
    [true, "empty", { kind: "scalar", scalar: "int32" }],
  );
  assert.equal(at("/v1/Pod/metadata/creationTimestamp").omit, "zero");
  assert.equal(at("/v1/Pod/spec/containers/name").omit, "never");
  assert.equal(at("/v1/Pod/spec/volumes").patchStrategy, "merge,retainKeys");

  const selector = at("/v1/Service/spec/selector");
  assert.deepEqual(selector.type, { kind: "map", values: { kind: "scalar", scalar: "string" }, atomic: true });
  // An ObjectReference is atomic, but a volume's claim is owned field by field.
  assert.equal((at("/v1/Event/involvedObject").type as StructType).atomic, true);
  assert.equal((at("/v1/PersistentVolume/spec/claimRef").type as StructType).atomic, false);
});

test("every struct can be read, and every reference leads somewhere", () => {
  const names = structNames();
  assert.equal(names.length, 760);
  for (const name of names) for (const field of struct(name).fields.values()) assert.ok(field.goType, name);
});

test("kinds and names", () => {
  assert.equal(schemaOf({ group: "apps", version: "v1", kind: "Nothing" }), undefined);
  assert.equal(schemaOf({ group: "apps", version: "v1", kind: "DeleteOptions" })?.name, "meta.v1.DeleteOptions");
  assert.equal(openApiName("core.v1.Pod"), "io.k8s.api.core.v1.Pod");
  assert.deepEqual(kindsOf("core.v1.Pod"), [{ group: "", version: "v1", kind: "Pod" }]);
  assert.deepEqual(kindsOf("core.v1.PodSpec"), []);
  assert.equal(kindsOf("meta.v1.DeleteOptions"), undefined);
});

test("served resources", () => {
  const served = servedResources();
  assert.equal(served.length, 68);
  assert.equal(servedResources(true).length, 95);
  const deployments = served.find((one) => one.resource === "deployments")!;
  assert.deepEqual(
    deployments.subresources.map(({ name, group, version, kind }) => [name, group, version, kind]),
    [
      ["scale", "autoscaling", "v1", "Scale"],
      ["status", "apps", "v1", "Deployment"],
    ],
  );
  const groups = servedGroups(served);
  assert.equal(groups[0]?.group, "");
  assert.deepEqual(
    groups.find(({ group }) => group === "autoscaling"),
    { group: "autoscaling", versions: ["v2", "v1"], preferredVersion: "v2" },
  );
  assert.equal(
    groups.some(({ group }) => group === "internal.apiserver.k8s.io"),
    false,
  );
});
