import assert from "node:assert/strict";
import { test } from "node:test";
import type { Secret } from "../../api/types/core.v1.ts";
import { withDefaultTag } from "./image-manager.ts";
import { credentialsFor } from "./pull-secrets.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const secret = (auths: Record<string, object>): Secret => ({
  metadata: { name: "s" },
  type: "kubernetes.io/dockerconfigjson",
  data: { ".dockerconfigjson": base64(JSON.stringify({ auths })) },
});
const users = (image: string, auths: Record<string, object>) =>
  credentialsFor(image, [secret(auths)]).map(({ username }) => username);
const auth = (name: string) => ({ auth: base64(`${name}:pass:word`) });

test("credentials apply by host, port and path, the most particular first", () => {
  assert.deepEqual(
    users("registry.test/team/app:1", { "registry.test": auth("all"), "registry.test/team": auth("team") }),
    ["team", "all"],
  );
  assert.deepEqual(users("registry.test/other", { "registry.test/team": auth("team") }), []);
  assert.deepEqual(
    users("registry.test:5000/app", { "registry.test": auth("a"), "https://registry.test:5000/v2/": auth("b") }),
    ["b"],
  );
  assert.deepEqual(users("eu.gcr.test/app", { "*.gcr.test": auth("a"), "gcr.test": auth("b") }), ["a"]);
  for (const key of ["https://index.docker.io/v1/", "docker.io", "index.docker.io"]) {
    assert.deepEqual(users("busybox", { [key]: auth("hub") }), ["hub"], key);
  }
});

test("each form of a credential is understood", () => {
  const [first] = credentialsFor("registry.test/a", [secret({ "registry.test": auth("me") })]);
  assert.deepEqual(first, { serverAddress: "registry.test", username: "me", password: "pass:word" });
  const forms = { "registry.test": { username: "u", password: "p", identitytoken: "t" } };
  assert.deepEqual(credentialsFor("registry.test/a", [secret(forms)])[0], {
    serverAddress: "registry.test",
    username: "u",
    password: "p",
    identityToken: "t",
  });
  const old: Secret = { type: "kubernetes.io/dockercfg", data: { ".dockercfg": base64(JSON.stringify(forms)) } };
  assert.equal(credentialsFor("registry.test/a", [old])[0]?.username, "u");
  assert.deepEqual(credentialsFor("registry.test/a", [{ type: "Opaque", data: {} }]), []);
  const broken: Secret = { metadata: { name: "b" }, type: "kubernetes.io/dockercfg", data: { ".dockercfg": "!" } };
  assert.throws(() => credentialsFor("registry.test/a", [broken]), /secret "b": .dockercfg is not JSON/);
});

test("a name without tag and digest means latest", () => {
  assert.equal(withDefaultTag("busybox"), "busybox:latest");
  assert.equal(withDefaultTag("registry.test:5000/app"), "registry.test:5000/app:latest");
  assert.equal(withDefaultTag("app:1"), "app:1");
  const digest = `app@sha256:${"0".repeat(64)}`;
  assert.equal(withDefaultTag(digest), digest);
});
