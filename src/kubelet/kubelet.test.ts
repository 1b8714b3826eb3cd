import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { configMaps, leases, nodes, pods, secrets } from "../api/resource-types.ts";
import type { ContainerStatus, Pod } from "../api/types/core.v1.ts";
import { ConnectionError } from "../client/client.ts";
import { fakeImage } from "./fake-runtime.fixture.ts";
import { type KubeletFixture, kubeletFixture, NODE } from "./kubelet.fixture.ts";
import { RuntimeError } from "./runtime.ts";

const phase = (pod: Pod) => pod.status?.phase;
const status = (pod: Pod, name = "app"): ContainerStatus | undefined =>
  [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])].find(
    (one) => one.name === name,
  );
const condition = (pod: Pod, type: string) => pod.status?.conditions?.find((one) => one.type === type);
const running = async ({ until, pod }: KubeletFixture) => until("running", () => phase(pod()) === "Running");

describe("a pod's life", () => {
  test("it is started and its status told, with upstream's events", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, events, settle } = fixture;
    createPod({});
    await running(fixture);
    await settle();
    assert.deepEqual(runtime.calls, ["runSandbox web", "createContainer app", "startContainer app"]);
    assert.deepEqual(
      pod().status?.conditions?.map(({ type, status: value }) => `${type}=${value}`),
      ["PodReadyToStartContainers=True", "Initialized=True", "Ready=True", "ContainersReady=True", "PodScheduled=True"],
    );
    const container = status(pod());
    assert.equal(container?.ready, true);
    assert.equal(container?.started, true);
    assert.equal(container?.restartCount, 0);
    assert.equal(container?.containerID, `containerd://${runtime.container("app").id}`);
    assert.equal(pod().status?.podIP, "10.244.0.1");
    assert.equal(pod().status?.hostIP, "192.168.0.1");
    assert.equal(pod().status?.observedGeneration, 1);
    assert.deepEqual(events(), [
      'Normal Pulled: Container image "app:1" already present on machine and can be accessed by the pod',
      "Normal Created: Container created",
      "Normal Started: Container started",
    ]);
  });

  test("deleted, it is ended within its grace period, then let go, then cleared away", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, until, createPod, events, root } = fixture;
    createPod({});
    await running(fixture);
    const before = api.actions.length;
    await api.resource(pods).delete("web", "default", { gracePeriodSeconds: 5 });
    await until("gone from the API", () => !api.peek(pods, "web", "default"));
    await until("gone from the runtime", () => runtime.sandboxes.size === 0);
    assert.ok(runtime.calls.includes("stopContainer app 5"), runtime.calls.join("\n"));
    assert.ok(events().includes("Normal Killing: Stopping container app"));
    const last = api.actions.slice(before).findLast(({ verb, resource }) => verb === "delete" && resource === "pods");
    assert.deepEqual(last?.body, { gracePeriodSeconds: 0, preconditions: { uid: "uid-web" } });
    await until("no directory left", async () => (await readdir(join(root, "kubelet", "pods"))).length === 0);
  });

  test("deleted by force, it is ended although the API has it no more", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, until, createPod } = fixture;
    createPod({});
    await running(fixture);
    api.remove(pods, "web", "default");
    await until("gone from the runtime", () => runtime.sandboxes.size === 0);
  });

  test("a grace period shortened meanwhile holds at once", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, until, createPod } = fixture;
    runtime.behave("app", { stop: (timeout) => (timeout > 5 ? new Promise(() => {}) : Promise.resolve()) });
    createPod({});
    await running(fixture);
    await api.resource(pods).delete("web", "default", { gracePeriodSeconds: 30 });
    await until("being stopped", () => runtime.calls.includes("stopContainer app 30"));
    await api.resource(pods).delete("web", "default", { gracePeriodSeconds: 3 });
    await until("gone", () => !api.peek(pods, "web", "default"));
    assert.ok(runtime.calls.includes("stopContainer app 3"));
  });

  test("one that never restarts succeeds or fails, and its sandbox goes", async (t) => {
    const { runtime, createPod, pod, until } = await kubeletFixture(t);
    runtime.behave("good", { exitCode: 0 });
    runtime.behave("bad", { exitCode: 3 });
    createPod({ restartPolicy: "Never", containers: [{ name: "good", image: "app:1" }] }, { name: "ok" });
    createPod({ restartPolicy: "Never", containers: [{ name: "bad", image: "app:1" }] }, { name: "ko" });
    await until("succeeded", () => phase(pod("ok")) === "Succeeded");
    await until("failed", () => phase(pod("ko")) === "Failed");
    assert.equal(status(pod("ok"), "good")?.state?.terminated?.reason, "Completed");
    assert.equal(status(pod("ko"), "bad")?.state?.terminated?.exitCode, 3);
    assert.deepEqual(condition(pod("ok"), "Ready")?.reason, "PodCompleted");
    await until("stopped", () => [...runtime.sandboxes.values()].every(({ state }) => state === "not-ready"));
    assert.equal(pod("ok").status?.podIP !== undefined, true);
  });

  test("its own deadline ends it", async (t) => {
    const fixture = await kubeletFixture(t);
    const { createPod, pod, advanceUntil, events } = fixture;
    createPod({ activeDeadlineSeconds: 20 });
    await running(fixture);
    await advanceUntil("failed", () => phase(pod()) === "Failed", 40_000);
    assert.equal(pod().status?.reason, "DeadlineExceeded");
    assert.equal(pod().status?.message, "Pod was active on the node longer than the specified deadline");
    assert.ok(events().some((event) => event.startsWith("Normal DeadlineExceeded")));
  });

  test("when its sandbox dies, everything begins anew", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, events } = fixture;
    createPod({});
    await running(fixture);
    const [sandbox] = [...runtime.sandboxes.values()];
    runtime.sandboxes.set(sandbox!.id, { ...sandbox!, state: "not-ready", ips: [] });
    runtime.exit("app", 137);
    runtime.changed(sandbox!.id);
    await until("restarted", () => status(pod())?.restartCount === 1 && status(pod())?.state?.running);
    assert.equal([...runtime.sandboxes.values()].at(-1)?.metadata.attempt, 1);
    await until("told", () =>
      events().includes("Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created."),
    );
  });
});

describe("restarts", () => {
  test("crashes are counted, and waited after with CrashLoopBackOff", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, clock, createPod, pod, until, advanceUntil, events } = fixture;
    createPod({});
    await running(fixture);
    runtime.exit("app", 1);
    await until("restarted at once", () => status(pod())?.restartCount === 1);
    runtime.exit("app", 1);
    await until("waiting", () => status(pod())?.state?.waiting?.reason === "CrashLoopBackOff");
    assert.equal(
      status(pod())?.state?.waiting?.message,
      "back-off 10s restarting failed container=app pod=web_default(uid-web)",
    );
    assert.equal(status(pod())?.lastState?.terminated?.exitCode, 1);
    assert.equal(phase(pod()), "Running");
    const crashed = clock.now();
    await advanceUntil("restarted again", () => status(pod())?.restartCount === 2, 15_000);
    assert.ok(runtime.container("app").startedAt - crashed >= 10_000);
    assert.ok(
      events().includes("Warning BackOff: Back-off restarting failed container app in pod web_default(uid-web)"),
    );
  });

  test("a missed event is found by the relist", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, advanceUntil } = fixture;
    createPod({});
    await running(fixture);
    runtime.announce = false;
    runtime.exit("app", 1);
    await advanceUntil("restarted", () => status(pod())?.restartCount === 1, 30_000);
  });

  test("a restarted kubelet takes over what runs, without touching it", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, settle } = fixture;
    createPod({ containers: [{ name: "app", image: "app:1", readinessProbe: { exec: { command: ["check"] } } }] });
    await until("ready", () => condition(pod(), "Ready")?.status === "True");
    const calls = runtime.calls.filter((call) => !call.startsWith("execSync"));
    await fixture.restart();
    await settle();
    assert.deepEqual(
      runtime.calls.filter((call) => !call.startsWith("execSync")),
      calls,
    );
    assert.equal(condition(pod(), "Ready")?.status, "True");
    // And it still looks after it.
    runtime.exit("app", 1);
    await until("restarted", () => status(pod())?.restartCount === 1);
  });

  test("pods deleted while the kubelet was down are ended with their own grace period", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, createPod, until } = fixture;
    createPod({ terminationGracePeriodSeconds: 7 });
    await running(fixture);
    await fixture.kubelet.stop();
    api.remove(pods, "web", "default");
    await fixture.restart();
    await until("gone from the runtime", () => runtime.sandboxes.size === 0);
    assert.ok(runtime.calls.includes("stopContainer app 7"));
  });

  test("a container that ended while the kubelet was down is restarted by its policy", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until } = fixture;
    createPod({});
    await running(fixture);
    await fixture.kubelet.stop();
    runtime.exit("app", 9);
    await fixture.restart();
    await until("restarted", () => status(pod())?.restartCount === 1 && status(pod())?.state?.running);
    assert.equal(status(pod())?.lastState?.terminated?.exitCode, 9);
  });
});

describe("init containers and sidecars", () => {
  test("one after another, then the others", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until } = fixture;
    createPod({
      initContainers: [
        { name: "first", image: "app:1" },
        { name: "second", image: "app:1" },
      ],
    });
    await until("first runs", () => status(pod(), "first")?.state?.running);
    assert.equal(phase(pod()), "Pending");
    assert.equal(status(pod())?.state?.waiting?.reason, "PodInitializing");
    assert.equal(condition(pod(), "Initialized")?.message, "containers with incomplete status: [first second]");
    runtime.exit("first", 0);
    await until("second runs", () => status(pod(), "second")?.state?.running);
    runtime.exit("second", 0);
    await running(fixture);
    assert.equal(status(pod(), "first")?.ready, true);
    assert.deepEqual(
      runtime.calls.filter((call) => call.startsWith("startContainer")),
      ["startContainer first", "startContainer second", "startContainer app"],
    );
  });

  test("a sidecar starts first and ends last", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, createPod, until } = fixture;
    createPod({
      initContainers: [
        { name: "proxy", image: "app:1", restartPolicy: "Always" },
        { name: "logger", image: "app:1", restartPolicy: "Always" },
      ],
    });
    await running(fixture);
    await api.resource(pods).delete("web", "default", { gracePeriodSeconds: 5 });
    await until("gone", () => !api.peek(pods, "web", "default"));
    const order = (verb: string) =>
      runtime.calls.filter((call) => call.startsWith(verb)).map((call) => call.split(" ")[1]);
    assert.deepEqual(order("startContainer"), ["proxy", "logger", "app"]);
    assert.deepEqual(order("stopContainer"), ["app", "logger", "proxy"]);
  });

  test("sidecars are ended when the pod has run to its end", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until } = fixture;
    createPod({
      restartPolicy: "Never",
      initContainers: [{ name: "proxy", image: "app:1", restartPolicy: "Always" }],
    });
    await running(fixture);
    runtime.exit("app", 0);
    await until("succeeded", () => phase(pod()) === "Succeeded");
    assert.ok(runtime.calls.some((call) => call.startsWith("stopContainer proxy")));
  });
});

describe("what keeps a container from starting", () => {
  const waiting = (pod: Pod) => status(pod)?.state?.waiting;

  test("an image that can't be pulled: ErrImagePull, then ImagePullBackOff, then it comes", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, advanceUntil, events } = fixture;
    createPod({ containers: [{ name: "app", image: "nowhere/app:2" }] });
    await until("failed", () => waiting(pod())?.reason === "ErrImagePull");
    await advanceUntil("waiting", () => waiting(pod())?.reason === "ImagePullBackOff", 5000);
    assert.equal(
      waiting(pod())?.message,
      'Back-off pulling image "nowhere/app:2": ErrImagePull: failed to pull and unpack image "nowhere/app:2": not found',
    );
    assert.equal(phase(pod()), "Pending");
    runtime.registry.set("nowhere/app:2", fakeImage("nowhere/app:2"));
    await advanceUntil("running", () => phase(pod()) === "Running", 30_000);
    assert.deepEqual(events().slice(0, 3), [
      'Normal Pulling: Pulling image "nowhere/app:2"',
      'Warning Failed: Failed to pull image "nowhere/app:2": failed to pull and unpack image "nowhere/app:2": not found',
      "Warning Failed: Error: ErrImagePull",
    ]);
    assert.ok(events().includes('Normal BackOff: Back-off pulling image "nowhere/app:2"'));
    assert.ok(events().includes("Warning Failed: Error: ImagePullBackOff"));
    assert.match(
      events().find((event) => event.startsWith("Normal Pulled")) ?? "",
      /^Normal Pulled: Successfully pulled image "nowhere\/app:2" in 0s \(0s including waiting\)\. Image size: 1000 bytes\.$/,
    );
  });

  for (const [what, container, reason, message] of [
    [
      "a policy of Never",
      { image: "other:1", imagePullPolicy: "Never" },
      "ErrImageNeverPull",
      'Container image "other:1" is not present with pull policy of Never',
    ],
    [
      "a name that is none",
      { image: "a::b" },
      "InvalidImageName",
      'Failed to apply default image tag "a::b": couldn\'t parse image name "a::b": invalid reference format',
    ],
    [
      "a ConfigMap that is missing",
      { image: "app:1", env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } }] },
      "CreateContainerConfigError",
      'configmap "c" not found',
    ],
    [
      "a root user where none may be",
      { image: "app:1", securityContext: { runAsNonRoot: true } },
      "CreateContainerConfigError",
      'container has runAsNonRoot and image will run as root (pod: "web_default(uid-web)", container: app)',
    ],
  ] as const) {
    test(what, async (t) => {
      const { createPod, pod, until } = await kubeletFixture(t);
      createPod({ containers: [{ name: "app", ...structuredClone(container) } as never] });
      await until("waiting", () => waiting(pod())?.reason === reason);
      assert.equal(waiting(pod())?.message, message);
    });
  }

  test("the runtime's failures to create and to start", async (t) => {
    const { runtime, createPod, pod, until, events, advanceUntil } = await kubeletFixture(t);
    runtime.fail("createContainer", new RuntimeError("unknown", "no space left on device"));
    createPod({});
    await until("not created", () => waiting(pod())?.reason === "CreateContainerError");
    assert.equal(waiting(pod())?.message, "no space left on device");
    runtime.fail("createContainer", undefined);
    runtime.fail("startContainer", new RuntimeError("unknown", "exec: no such file"));
    await advanceUntil("not started", () => waiting(pod())?.reason === "CrashLoopBackOff", 10_000);
    assert.ok(events().includes("Warning Failed: Error: exec: no such file"));
  });

  test("a sandbox that can't be made", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, events, advanceUntil } = fixture;
    runtime.fail("runSandbox", new RuntimeError("unknown", "no addresses left"));
    createPod({});
    await until("told", () =>
      events().includes("Warning FailedCreatePodSandBox: Failed to create pod sandbox: no addresses left"),
    );
    assert.equal(status(pod())?.state?.waiting?.reason, "ContainerCreating");
    runtime.fail("runSandbox", undefined);
    await advanceUntil("running", () => phase(pod()) === "Running", 10_000);
  });

  test("a pod network that is not ready", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, clock, createPod, pod, until, events, advanceUntil } = fixture;
    runtime.network = { ok: false, reason: "NetworkPluginNotReady", message: "cni plugin not initialized" };
    const ready = () => api.peek(nodes, NODE)?.status?.conditions?.find(({ type }) => type === "Ready");
    await advanceUntil("not ready", () => ready()?.status === "False", 20_000);
    assert.equal(
      ready()?.message,
      "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized",
    );
    createPod({});
    await until("told", () =>
      events().some((event) => event.startsWith("Warning NetworkNotReady: network is not ready")),
    );
    assert.equal(phase(pod()), "Pending");
    runtime.network = { ok: true };
    await clock.advance(5000);
    await advanceUntil("running", () => phase(pod()) === "Running", 10_000);
  });

  test("a volume of a missing ConfigMap, until that is there", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, createPod, pod, until, events, runtime, advanceUntil } = fixture;
    createPod({
      containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "cfg", mountPath: "/cfg" }] }],
      volumes: [{ name: "cfg", configMap: { name: "settings" } }],
    });
    await until("told", () =>
      events().includes(
        'Warning FailedMount: MountVolume.SetUp failed for volume "cfg" : configmap "settings" not found',
      ),
    );
    assert.equal(status(pod())?.state?.waiting?.reason, "ContainerCreating");
    api.put(configMaps, { metadata: { name: "settings", namespace: "default" }, data: { key: "one" } });
    await advanceUntil("running", () => phase(pod()) === "Running", 10_000);
    const mount = runtime.container("app").config.mounts.find(({ containerPath }) => containerPath === "/cfg");
    assert.equal(await readFile(join(mount!.hostPath, "key"), "utf8"), "one");
    // The volume follows the object.
    api.put(configMaps, { metadata: { name: "settings", namespace: "default" }, data: { key: "two" } });
    await until("followed", async () => (await readFile(join(mount!.hostPath, "key"), "utf8")) === "two");
  });

  test("a kind of volume that is not supported", async (t) => {
    const { createPod, pod, until, events } = await kubeletFixture(t);
    createPod({
      containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "v", mountPath: "/v" }] }],
      volumes: [{ name: "v", nfs: { server: "s", path: "/" } }],
    });
    await until("told", () =>
      events().includes(
        'Warning FailedMount: MountVolume.SetUp failed for volume "v" : volumes of kind "nfs" are not supported by this kubelet',
      ),
    );
    assert.equal(status(pod())?.state?.waiting?.reason, "ContainerCreating");
  });

  test("credentials from imagePullSecrets are used", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, createPod, pod, until } = fixture;
    const auths = { auths: { "registry.test": { auth: Buffer.from("me:secret").toString("base64") } } };
    api.put(secrets, {
      metadata: { name: "pull", namespace: "default" },
      type: "kubernetes.io/dockerconfigjson",
      data: { ".dockerconfigjson": Buffer.from(JSON.stringify(auths)).toString("base64") },
    });
    runtime.registry.set("registry.test/app:1", fakeImage("registry.test/app:1"));
    createPod({ imagePullSecrets: [{ name: "pull" }], containers: [{ name: "app", image: "registry.test/app:1" }] });
    await until("running", () => phase(pod()) === "Running");
    assert.ok(runtime.calls.includes("pullImage registry.test/app:1 as me"));
  });
});

describe("probes", () => {
  test("readiness follows an HTTP probe", async (t) => {
    let code = 500;
    const server = createServer((_, response) => response.writeHead(code).end("hello"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const fixture = await kubeletFixture(t);
    const { createPod, pod, until, advanceUntil, events } = fixture;
    createPod({
      containers: [
        { name: "app", image: "app:1", readinessProbe: { httpGet: { host: "127.0.0.1", port }, periodSeconds: 2 } },
      ],
    });
    await running(fixture);
    await until("told", () =>
      events().includes("Warning Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500"),
    );
    assert.equal(status(pod())?.ready, false);
    assert.equal(condition(pod(), "ContainersReady")?.message, "containers with unready status: [app]");
    code = 200;
    await advanceUntil("ready", () => condition(pod(), "Ready")?.status === "True", 20_000, 500);
    code = 503;
    await advanceUntil("unready", () => condition(pod(), "Ready")?.status === "False", 20_000, 500);
  });

  test("a failing liveness probe has the container replaced", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, advanceUntil, events } = fixture;
    let healthy = false;
    runtime.onExec(() => (healthy ? { exitCode: 0 } : { exitCode: 1, stdout: "not well" }));
    createPod({
      containers: [
        {
          name: "app",
          image: "app:1",
          livenessProbe: {
            exec: { command: ["check"] },
            periodSeconds: 5,
            failureThreshold: 2,
            terminationGracePeriodSeconds: 4,
          },
        },
      ],
    });
    await running(fixture);
    await advanceUntil("restarted", () => status(pod())?.restartCount === 1, 60_000);
    healthy = true;
    assert.ok(events().includes("Warning Unhealthy: Liveness probe failed: not well"));
    assert.ok(events().includes("Normal Killing: Container app failed liveness probe, will be restarted"));
    assert.ok(runtime.calls.includes("stopContainer app 4"));
  });

  test("a startup probe holds back the others", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, advanceUntil } = fixture;
    let started = false;
    runtime.onExec((_, [command]) => ({ exitCode: command === "start" && !started ? 1 : 0 }));
    createPod({
      containers: [
        {
          name: "app",
          image: "app:1",
          startupProbe: { exec: { command: ["start"] }, periodSeconds: 1, failureThreshold: 30 },
          livenessProbe: { exec: { command: ["live"] } },
        },
      ],
    });
    await running(fixture);
    await until("probed", () => runtime.calls.includes("execSync start"));
    assert.equal(status(pod())?.started, false);
    assert.ok(!runtime.calls.includes("execSync live"));
    started = true;
    await advanceUntil("started", () => status(pod())?.started === true, 10_000);
    await advanceUntil("live", () => runtime.calls.includes("execSync live"), 10_000);
    assert.equal(condition(pod(), "Ready")?.status, "True");
  });

  test("readiness gates", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, createPod, pod, until } = fixture;
    createPod({ readinessGates: [{ conditionType: "example.com/green" }] });
    await running(fixture);
    assert.equal(condition(pod(), "ContainersReady")?.status, "True");
    assert.equal(condition(pod(), "Ready")?.reason, "ReadinessGatesNotReady");
    const current = pod();
    await api.resource(pods).updateStatus({
      ...current,
      status: {
        ...current.status,
        conditions: [...(current.status?.conditions ?? []), { type: "example.com/green", status: "True" }],
      },
    });
    await until("ready", () => condition(pod(), "Ready")?.status === "True");
    assert.equal(condition(pod(), "example.com/green")?.status, "True");
  });

  test("why a pod is evicted is not the kubelet's to take back", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, createPod, pod, runtime, until } = fixture;
    createPod({ restartPolicy: "Never" });
    await running(fixture);
    const current = pod();
    const target = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI" };
    await api.resource(pods).updateStatus({
      ...current,
      status: { ...current.status, conditions: [...(current.status?.conditions ?? []), target] },
    });
    runtime.exit("app", 137);
    await until("failed", () => phase(pod()) === "Failed");
    assert.equal(condition(pod(), "DisruptionTarget")?.reason, "EvictionByEvictionAPI");
  });
});

describe("lifecycle hooks", () => {
  test("postStart before the next container; preStop before the end", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, createPod, until } = fixture;
    createPod({
      containers: [
        {
          name: "app",
          image: "app:1",
          lifecycle: { postStart: { exec: { command: ["hello"] } }, preStop: { exec: { command: ["bye"] } } },
        },
        { name: "other", image: "app:1" },
      ],
    });
    await running(fixture);
    await api.resource(pods).delete("web", "default", { gracePeriodSeconds: 5 });
    await until("gone", () => !api.peek(pods, "web", "default"));
    const calls = runtime.calls.filter((call) => /^(exec|start|stop)/.test(call) && !call.startsWith("stopSandbox"));
    assert.deepEqual(calls.slice(0, 4), [
      "startContainer app",
      "execSync hello",
      "startContainer other",
      "execSync bye",
    ]);
    assert.deepEqual(calls.slice(4).sort(), ["stopContainer app 5", "stopContainer other 5"]);
  });

  test("a failed postStart hook has the container ended", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, events } = fixture;
    runtime.onExec(() => ({ exitCode: 1, stdout: "no" }));
    createPod({
      containers: [{ name: "app", image: "app:1", lifecycle: { postStart: { exec: { command: ["hello"] } } } }],
    });
    await until("told", () => events().includes("Warning FailedPostStartHook: PostStartHook failed"));
    await until("waiting", () =>
      ["PostStartHookError", "CrashLoopBackOff"].includes(status(pod())?.state?.waiting?.reason ?? ""),
    );
    assert.ok(runtime.calls.some((call) => call.startsWith("stopContainer app")));
  });

  test("tcpSocket is no hook, whatever listens there", async (t) => {
    const { createPod, until, events } = await kubeletFixture(t);
    const server = createServer().listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const lifecycle = { postStart: { tcpSocket: { host: "127.0.0.1", port } } };
    createPod({ containers: [{ name: "app", image: "app:1", lifecycle }] });
    await until("told", () => events().includes("Warning FailedPostStartHook: PostStartHook failed"));
  });
});

describe("the node", () => {
  test("registers, is Ready, and renews its lease", async (t) => {
    const { api, kubelet, clock, until, settle } = await kubeletFixture(t);
    await kubelet.registered;
    const node = () => api.peek(nodes, NODE);
    await until("ready", () =>
      node()?.status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
    );
    assert.equal(node()?.metadata?.labels?.["kubernetes.io/hostname"], NODE);
    assert.deepEqual(node()?.status?.addresses, [
      { type: "InternalIP", address: "192.168.0.1" },
      { type: "Hostname", address: NODE },
    ]);
    const lease = () => api.peek(leases, NODE, "kube-node-lease");
    await until("leased", lease);
    const first = lease()?.spec?.renewTime;
    await settle();
    await clock.advance(10_000);
    await until("renewed", () => lease()?.spec?.renewTime !== first);
    assert.equal(lease()?.spec?.leaseDurationSeconds, 40);
    assert.equal(lease()?.metadata?.ownerReferences?.[0]?.uid, node()?.metadata?.uid);
  });

  test("writes its status only when it says something new, or every five minutes", async (t) => {
    const { api, kubelet, clock, settle } = await kubeletFixture(t);
    await kubelet.registered;
    await settle();
    const writes = () => api.actions.filter(({ resource, verb }) => resource === "nodes" && verb === "patch").length;
    const before = writes();
    for (let step = 0; step < 20; step++) await clock.advance(10_000);
    assert.equal(writes(), before);
    for (let step = 0; step < 12; step++) await clock.advance(10_000);
    assert.equal(writes(), before + 1);
  });

  test("refuses what it can't take, in upstream's words", async (t) => {
    const { runtime, createPod, pod, until, settle } = await kubeletFixture(t);
    createPod({ containers: [{ name: "app", image: "app:1", resources: { requests: { cpu: "10k" } } }] });
    await until("failed", () => phase(pod()) === "Failed");
    assert.equal(pod().status?.reason, "OutOfcpu");
    assert.match(
      pod().status?.message ?? "",
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 10000000, used: 0, capacity: \d+$/,
    );
    createPod({ nodeSelector: { disk: "ssd" } }, { name: "picky" });
    await until("failed", () => phase(pod("picky")) === "Failed");
    assert.equal(pod("picky").status?.reason, "NodeAffinity");
    await settle();
    assert.deepEqual(runtime.calls, []);
  });

  test("an API that can't be reached stops no container, and hears all of it afterwards", async (t) => {
    const fixture = await kubeletFixture(t);
    const { api, runtime, createPod, pod, advanceUntil, settle } = fixture;
    createPod({});
    await running(fixture);
    const restore = api.intercept(() => {
      throw new ConnectionError("refused");
    });
    api.cutWatches();
    runtime.exit("app", 1);
    await advanceUntil("restarted", () => runtime.container("app").metadata.attempt === 1, 10_000);
    await settle();
    assert.equal(status(pod())?.restartCount, 0);
    restore();
    await advanceUntil("told", () => status(pod())?.restartCount === 1, 60_000);
  });
});

describe("static pods", () => {
  const manifest = (image: string) =>
    `apiVersion: v1\nkind: Pod\nmetadata:\n  name: etcd\n  namespace: default\nspec:\n  containers:\n  - name: app\n    image: ${image}\n`;

  test("run without the API, and are shown in it by a mirror", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "knarr-manifests-"));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, "etcd.yaml"), manifest("app:1"));
    const fixture = await kubeletFixture(t, { staticPodPath: directory });
    const { api, runtime, until, advanceUntil } = fixture;
    const mirror = () => api.peek(pods, `etcd-${NODE}`, "default");
    await until("running", () => mirror()?.status?.phase === "Running");
    const hash = mirror()?.metadata?.annotations?.["kubernetes.io/config.mirror"];
    assert.equal(mirror()?.metadata?.ownerReferences?.[0]?.kind, "Node");
    assert.equal(runtime.container("app").labels["io.kubernetes.pod.uid"], hash);

    // Deleting the mirror changes nothing but the mirror.
    const { uid } = mirror()!.metadata!;
    await api.resource(pods).delete(`etcd-${NODE}`, "default", { gracePeriodSeconds: 0 });
    await until("back", () => mirror() && mirror()?.metadata?.uid !== uid && mirror()?.status?.phase === "Running");
    assert.equal([...runtime.containers.values()].length, 1);

    // Another manifest is another pod, after the old one has ended.
    runtime.images.set("app:2", fakeImage("app:2"));
    await writeFile(join(directory, "etcd.yaml"), manifest("app:2"));
    await advanceUntil(
      "replaced",
      () => runtime.containers.size === 1 && runtime.container("app").image === "app:2",
      60_000,
    );
    await until(
      "shown",
      () => mirror()?.spec?.containers[0]?.image === "app:2" && mirror()?.status?.phase === "Running",
    );
    assert.ok(runtime.calls.indexOf("stopContainer app 30") < runtime.calls.lastIndexOf("createContainer app"));

    await rm(join(directory, "etcd.yaml"));
    await advanceUntil("ended", () => runtime.containers.size === 0 && !mirror(), 60_000);
  });
});

describe("upkeep", () => {
  test("a pod that fills its emptyDir beyond the limit is evicted", async (t) => {
    const fixture = await kubeletFixture(t);
    const { createPod, pod, advanceUntil, root, events } = fixture;
    createPod({
      containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "scratch", mountPath: "/scratch" }] }],
      volumes: [{ name: "scratch", emptyDir: { sizeLimit: "1Mi" } }],
    });
    await running(fixture);
    const directory = join(root, "kubelet/pods/uid-web/volumes/kubernetes.io~empty-dir/scratch");
    await writeFile(join(directory, "big"), Buffer.alloc(2 * 1024 * 1024));
    await advanceUntil("evicted", () => pod().status?.reason === "Evicted", 30_000);
    assert.equal(phase(pod()), "Failed");
    assert.equal(pod().status?.message, 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ');
    assert.equal(condition(pod(), "DisruptionTarget")?.reason, "TerminationByKubelet");
    assert.ok(events().some((event) => event.startsWith("Warning Evicted: Usage of EmptyDir volume")));
  });

  test("memory that runs short is a condition of the node, and costs the greediest pod its place", async (t) => {
    const fixture = await kubeletFixture(t, { evictionHard: { "memory.available": "100%" } });
    const { api, createPod, pod, advanceUntil, until } = fixture;
    createPod({});
    createPod({ priority: 2_000_000_000 }, { name: "critical" });
    await running(fixture);
    await until("running", () => phase(pod("critical")) === "Running");
    await advanceUntil("evicted", () => pod().status?.reason === "Evicted", 30_000);
    assert.match(
      pod().status?.message ?? "",
      /^The node was low on resource: memory\. Threshold quantity: \d+\w+, available: \d+Ki\. $/,
    );
    assert.equal(phase(pod("critical")), "Running");
    const pressure = () => api.peek(nodes, NODE)?.status?.conditions?.find(({ type }) => type === "MemoryPressure");
    await until("told", () => pressure()?.status === "True");
    assert.equal(pressure()?.reason, "KubeletHasInsufficientMemory");
    createPod({}, { name: "late" });
    await until("refused", () => phase(pod("late")) === "Failed");
    assert.equal(pod("late").status?.message, "Pod was rejected: The node had condition: [MemoryPressure]. ");
  });

  test("older ended containers are removed, the last one stays", async (t) => {
    const fixture = await kubeletFixture(t);
    const { runtime, createPod, pod, until, advanceUntil } = fixture;
    createPod({});
    await running(fixture);
    runtime.exit("app", 1);
    await until("restarted", () => status(pod())?.restartCount === 1);
    runtime.exit("app", 1);
    await advanceUntil("restarted", () => status(pod())?.restartCount === 2, 30_000);
    assert.equal(runtime.containers.size, 3);
    await advanceUntil("collected", () => runtime.containers.size === 2, 90_000);
    assert.equal(status(pod())?.lastState?.terminated?.exitCode, 1);
  });

  test("a log that has grown is rotated", async (t) => {
    const fixture = await kubeletFixture(t, { containerLogMaxSize: 100, containerLogMaxFiles: 3 });
    const { runtime, createPod, advanceUntil, root } = fixture;
    createPod({});
    await running(fixture);
    const directory = join(root, "pods/default_web_uid-web/app");
    const reopened = () => runtime.calls.filter((call) => call === "reopenContainerLog app").length;
    for (let round = 1; round <= 4; round++) {
      await writeFile(join(directory, "0.log"), "x".repeat(200));
      await advanceUntil("rotated", () => reopened() === round, 30_000);
    }
    const names = (await readdir(directory)).sort();
    assert.equal(names.length, 2, names.join(" "));
    assert.match(names[0]!, /^0\.log\.\d{8}-\d{6}\.gz$/);
    assert.match(names[1]!, /^0\.log\.\d{8}-\d{6}$/);
  });
});
