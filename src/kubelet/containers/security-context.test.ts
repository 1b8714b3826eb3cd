import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSecurityContext, SecurityContext } from "../../api/types/core.v1.ts";
import type { Image } from "../runtime.ts";
import { containerSecurity } from "./security-context.ts";

const options = { seccompDefault: false, seccompRoot: "/seccomp" };
const image = (more: Partial<Image> = {}): Image => ({
  id: "i",
  repoTags: [],
  repoDigests: [],
  sizeBytes: 0,
  pinned: false,
  ...more,
});
const security = (own: SecurityContext, shared: PodSecurityContext = {}, from = image()) =>
  containerSecurity(
    { metadata: { name: "p", namespace: "n", uid: "u" }, spec: { containers: [], securityContext: shared } },
    { name: "c", securityContext: own },
    from,
    undefined,
    options,
  );

test("the container's own context comes over the pod's, and both over the image's user", () => {
  assert.equal(security({ runAsUser: 1 }, { runAsUser: 2 }).runAsUser, 1);
  assert.equal(security({}, { runAsUser: 2 }).runAsUser, 2);
  assert.equal(security({}, {}, image({ uid: 3 })).runAsUser, 3);
  assert.equal(security({}, {}, image({ username: "www" })).runAsUsername, "www");
  assert.equal(security({}).runAsUser, 0);
  assert.deepEqual(security({}, { seccompProfile: { type: "RuntimeDefault" } }).seccomp, { type: "runtime-default" });
  assert.deepEqual(security({}).seccomp, { type: "unconfined" });
  assert.deepEqual(security({ seccompProfile: { type: "Localhost", localhostProfile: "p.json" } }).seccomp, {
    type: "localhost",
    localhostRef: "/seccomp/p.json",
  });
});

test("runAsNonRoot is checked before anything runs", () => {
  const where = '(pod: "p_n(u)", container: c)';
  const nonRoot = { runAsNonRoot: true };
  const refused = (message: string, run: () => unknown) => assert.throws(run, { message });
  refused(`container's runAsUser breaks non-root policy ${where}`, () => security({ ...nonRoot, runAsUser: 0 }));
  refused(`container has runAsNonRoot and image will run as root ${where}`, () => security(nonRoot));
  refused(
    `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${where}`,
    () => security(nonRoot, {}, image({ username: "www" })),
  );
  assert.equal(security(nonRoot, {}, image({ uid: 5 })).runAsUser, 5);
  assert.equal(security({ runAsNonRoot: false }, nonRoot).runAsUser, 0);
});

test("what is masked, and what is not", () => {
  assert.ok(security({}).maskedPaths.includes("/proc/kcore"));
  assert.deepEqual(security({ procMount: "Unmasked" }).maskedPaths, []);
  assert.deepEqual(security({ privileged: true }).readonlyPaths, []);
  assert.equal(security({ allowPrivilegeEscalation: false }).noNewPrivs, true);
  assert.equal(security({}).noNewPrivs, false);
});
