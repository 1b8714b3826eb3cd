import assert from "node:assert/strict";
import { test } from "node:test";
import { cronJobs, deployments, namespaces, pods } from "../../../api/resource-types.ts";
import type { Container, Pod, PodSpec } from "../../../api/types/core.v1.ts";
import { virtualClock } from "../../../base/virtual-clock.ts";
import { memoryLookup } from "../../lookup.fixture.ts";
import { run } from "../attributes.fixture.ts";
import { describeViolations, evaluate } from "./evaluate.ts";
import { podSecurity } from "./pod-security.ts";
import { policyOf } from "./policy.ts";

const spec = (more: object = {}, ...containers: object[]): PodSpec =>
  ({ containers: containers.length > 0 ? containers : [{ name: "a" }], ...more }) as PodSpec;
const with_ = (securityContext: object, name = "a") => ({ name, securityContext });
/** What a pod needs to be restricted, to be spoilt one by one. */
const hardened = (more: object = {}, ...containers: object[]): PodSpec =>
  spec(
    { securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } }, ...more },
    ...(containers.length > 0 ? containers : [{ name: "a" }]).map((one) => ({
      ...one,
      securityContext: {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        ...(one as Container).securityContext,
      },
    })),
  );

for (const [level, minor, pod, annotations, expected] of [
  ["privileged", "latest", spec({ hostNetwork: true }), {}, ""],
  ["baseline", "latest", spec(), {}, ""],
  [
    "baseline",
    "latest",
    spec({ hostNetwork: true, hostIPC: true }),
    {},
    "host namespaces (hostNetwork=true, hostIPC=true)",
  ],
  [
    "baseline",
    "latest",
    spec({}, with_({ privileged: true }), with_({ privileged: true }, "b")),
    {},
    'privileged (containers "a", "b" must not set securityContext.privileged=true)',
  ],
  [
    "baseline",
    "latest",
    spec({}, with_({ capabilities: { add: ["NET_ADMIN", "CHOWN"] } })),
    {},
    'non-default capabilities (container "a" must not include "NET_ADMIN" in securityContext.capabilities.add)',
  ],
  [
    "baseline",
    "latest",
    spec({ volumes: [{ name: "v", hostPath: { path: "/" } }] }),
    {},
    'hostPath volumes (volume "v")',
  ],
  [
    "baseline",
    "latest",
    spec(
      {},
      {
        name: "a",
        ports: [
          { containerPort: 1, hostPort: 80 },
          { containerPort: 2, hostPort: 443 },
        ],
      },
    ),
    {},
    'hostPort (container "a" uses hostPorts 443, 80)',
  ],
  [
    "baseline",
    "latest",
    spec({}, { name: "a", livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }),
    {},
    'probe or lifecycle host (container "a" uses probe or lifecycle host "10.0.0.1")',
  ],
  ["baseline", 33, spec({}, { name: "a", livenessProbe: { httpGet: { host: "10.0.0.1", port: 80 } } }), {}, ""],
  [
    "baseline",
    "latest",
    spec({}, with_({ procMount: "Unmasked" })),
    {},
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  ["baseline", "latest", spec({ hostUsers: false }, with_({ procMount: "Unmasked" })), {}, ""],
  ["baseline", 34, spec({ hostUsers: false }, with_({ procMount: "Unmasked" })), {}, /^procMount/],
  ["restricted", "latest", hardened({ hostUsers: false }, with_({ procMount: "Unmasked" })), {}, /^procMount/],
  [
    "baseline",
    "latest",
    spec({ securityContext: { seLinuxOptions: { type: "x", user: "u" } } }, with_({ seLinuxOptions: { role: "r" } })),
    {},
    'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: type "x"; user may not be set; role may not be set)',
  ],
  [
    "baseline",
    30,
    spec({ securityContext: { seLinuxOptions: { type: "container_engine_t" } } }),
    {},
    /type "container_engine_t"/,
  ],
  ["baseline", "latest", spec({ securityContext: { seLinuxOptions: { type: "container_engine_t" } } }), {}, ""],
  [
    "baseline",
    "latest",
    spec({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
    {},
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    "baseline",
    18,
    spec(),
    { "seccomp.security.alpha.kubernetes.io/pod": "unconfined" },
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  ],
  [
    "baseline",
    "latest",
    spec({
      securityContext: {
        sysctls: [
          { name: "kernel.msgmax", value: "1" },
          { name: "net.ipv4.tcp_rmem", value: "1" },
        ],
      },
    }),
    {},
    "forbidden sysctls (kernel.msgmax)",
  ],
  [
    "baseline",
    31,
    spec({ securityContext: { sysctls: [{ name: "net.ipv4.tcp_rmem", value: "1" }] } }),
    {},
    "forbidden sysctls (net.ipv4.tcp_rmem)",
  ],
  [
    "baseline",
    "latest",
    spec({}, with_({ windowsOptions: { hostProcess: true } })),
    {},
    'hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)',
  ],
  [
    "baseline",
    "latest",
    spec({}, with_({ appArmorProfile: { type: "Unconfined" } })),
    { "container.apparmor.security.beta.kubernetes.io/a": "unconfined" },
    'forbidden AppArmor profiles (container "a" and annotation must not set AppArmor profile type to "Unconfined", "container.apparmor.security.beta.kubernetes.io/a="unconfined"")',
  ],
  ["restricted", "latest", hardened(), {}, ""],
  [
    "restricted",
    "latest",
    spec(),
    {},
    'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  [
    "restricted",
    "latest",
    hardened({}, with_({ capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE", "CHOWN"] } })),
    {},
    'unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add)',
  ],
  [
    "restricted",
    "latest",
    hardened({
      volumes: [
        { name: "v", hostPath: { path: "/" } },
        { name: "n", nfs: { server: "s", path: "/" } },
        { name: "e", emptyDir: {} },
      ],
    }),
    {},
    'restricted volume types (volumes "v", "n" use restricted volume types "hostPath", "nfs")',
  ],
  [
    "restricted",
    "latest",
    hardened({}, with_({ runAsNonRoot: false })),
    {},
    'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false)',
  ],
  [
    "restricted",
    "latest",
    hardened({}, with_({ runAsUser: 0 })),
    {},
    'runAsUser=0 (container "a" must not set runAsUser=0)',
  ],
  ["restricted", "latest", hardened({ hostUsers: false }, with_({ runAsUser: 0 })), {}, ""],
  ["restricted", 22, hardened({}, with_({ runAsUser: 0 })), {}, ""],
  ["restricted", 7, spec({ securityContext: { runAsNonRoot: true } }), {}, ""],
  [
    "restricted",
    "latest",
    { os: { name: "windows" }, containers: [{ name: "a" }], securityContext: { runAsNonRoot: true } },
    {},
    "",
  ],
  [
    "restricted",
    24,
    { os: { name: "windows" }, containers: [{ name: "a" }], securityContext: { runAsNonRoot: true } },
    {},
    /allowPrivilegeEscalation/,
  ],
  ["restricted", "latest", hardened({ ephemeralContainers: [{ name: "debug" }] }), {}, /container "debug"/],
  ["restricted", 999, hardened(), {}, ""],
] as [
  "baseline" | "restricted" | "privileged",
  number | "latest",
  PodSpec,
  Record<string, string>,
  string | RegExp,
][]) {
  test(`${level} of ${minor}: ${expected instanceof RegExp ? expected.source : expected || "allowed"}`, () => {
    const found = describeViolations(evaluate({ level, minor }, pod, { annotations }));
    if (expected instanceof RegExp) assert.match(found, expected);
    else assert.equal(found, expected);
  });
}

const label = (mode: string, value: string) => ({ [`pod-security.kubernetes.io/${mode}`]: value });
for (const [labels, enforce, audit, warn, errors] of [
  [{}, "privileged:latest", "privileged:latest", "privileged:latest", 0],
  [label("enforce", "baseline"), "baseline:latest", "privileged:latest", "baseline:latest", 0],
  [
    { ...label("enforce", "baseline"), ...label("enforce-version", "v1.20") },
    "baseline:20",
    "privileged:latest",
    "baseline:20",
    0,
  ],
  [
    { ...label("enforce", "baseline"), ...label("warn", "restricted"), ...label("warn-version", "v1.30") },
    "baseline:latest",
    "privileged:latest",
    "restricted:30",
    0,
  ],
  [
    { ...label("enforce", "baseline"), ...label("warn", "privileged") },
    "baseline:latest",
    "privileged:latest",
    "privileged:latest",
    0,
  ],
  [label("enforce", "strict"), "restricted:latest", "privileged:latest", "privileged:latest", 1],
  [
    { ...label("audit", "x"), ...label("warn-version", "1.2") },
    "privileged:latest",
    "privileged:latest",
    "privileged:latest",
    2,
  ],
] as [Record<string, string>, string, string, string, number][]) {
  test(`labels ${JSON.stringify(labels)}`, () => {
    const { policy, errors: found } = policyOf(labels);
    const shown = [policy.enforce, policy.audit, policy.warn].map(({ level, minor }) => `${level}:${minor}`);
    assert.deepEqual([...shown, found.length], [enforce, audit, warn, errors]);
  });
}

function cluster(labels: Record<string, string>) {
  const lookup = memoryLookup();
  lookup.put(namespaces, { metadata: { name: "ns", labels } });
  const plugin = podSecurity({ lookup, clock: virtualClock() });
  return { lookup, plugin };
}
const pod = (podSpec: object, metadata: object = {}) => ({
  metadata: { name: "web", namespace: "ns", ...metadata },
  spec: podSpec,
});
const hostNetwork = spec({ hostNetwork: true });

test("what the namespace enforces is refused, what it warns of is said", async () => {
  const { plugin } = cluster({ ...label("enforce", "baseline"), ...label("warn", "restricted") });
  await assert.rejects(run(plugin, pods, { object: pod(hostNetwork) }), {
    message: 'pods "web" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
  });
  const { warnings } = await run(plugin, pods, { object: pod(spec()) });
  assert.match(warnings[0] ?? "", /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/);
  assert.deepEqual((await run(plugin, pods, { object: pod(hardened()) })).warnings, []);
});

test("updates count where they bring an image or a container", async () => {
  const { plugin } = cluster(label("enforce", "baseline"));
  const running = (image: string, more: object = {}) =>
    pod({ ...spec({ hostNetwork: true, ...more }), containers: [{ name: "a", image }] });
  await run(plugin, pods, { object: running("x"), old: running("x") });
  await assert.rejects(run(plugin, pods, { object: running("y"), old: running("x") }), /violates PodSecurity/);
  const debugged = running("x", { ephemeralContainers: [{ name: "d", image: "d" }] });
  await assert.rejects(
    run(plugin, pods, { object: debugged, old: running("x"), subresource: "ephemeralcontainers" }),
    /violates PodSecurity/,
  );
  assert.equal(
    (await run(plugin, pods, { object: running("y"), old: running("x"), subresource: "status" })).handled,
    false,
  );
});

test("templates are warned of, never refused", async () => {
  const { plugin } = cluster(label("enforce", "baseline"));
  const metadata = { name: "web", namespace: "ns" };
  const expected = ['would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'];
  const template = { spec: hostNetwork };
  assert.deepEqual((await run(plugin, deployments, { object: { metadata, spec: { template } } })).warnings, expected);
  const cron = { metadata, spec: { jobTemplate: { spec: { template } } } };
  assert.deepEqual((await run(plugin, cronJobs, { object: cron })).warnings, expected);
});

test("labels that make no sense are refused, unless they were there", async () => {
  const { plugin } = cluster({});
  const namespace = (labels: object) => ({ metadata: { name: "ns", labels } });
  const bad = namespace(label("enforce", "strict"));
  const message =
    'Namespace "ns" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted';
  await assert.rejects(run(plugin, namespaces, { object: bad }), { message });
  await assert.rejects(run(plugin, namespaces, { object: bad, old: namespace({}) }), { message });
  await run(plugin, namespaces, { object: bad, old: bad });
  await run(plugin, namespaces, { object: namespace(label("enforce", "restricted")) });
});

test("a namespace that becomes stricter tells which pods would not be allowed", async () => {
  const { plugin, lookup } = cluster({});
  const owned = (uid: string) => ({
    ownerReferences: [{ uid, controller: true, kind: "ReplicaSet", name: "r", apiVersion: "apps/v1" }],
  });
  lookup.put(
    pods,
    pod(hostNetwork, { name: "b", ...owned("1") }) as Pod,
    pod(hostNetwork, { name: "a", ...owned("1") }) as Pod,
    pod(spec({}, with_({ privileged: true })), { name: "p" }) as Pod,
    pod(spec(), { name: "fine" }) as Pod,
  );
  const change = async (to: string, from = "privileged") => {
    const namespace = (level: string) => ({ metadata: { name: "ns", labels: label("enforce", level) } });
    return (await run(plugin, namespaces, { object: namespace(to), old: namespace(from) })).warnings;
  };
  assert.deepEqual(await change("baseline"), [
    'existing pods in namespace "ns" violate the new PodSecurity enforce level "baseline:latest"',
    "a (and 1 other pod): host namespaces",
    "p: privileged",
  ]);
  assert.deepEqual(await change("baseline", "restricted"), []);
  assert.deepEqual(await change("baseline", "baseline"), []);
  assert.deepEqual(await change("privileged", "restricted"), []);
});
