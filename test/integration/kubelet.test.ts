import assert from "node:assert/strict";
import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { configMaps, namespaces, pods, secrets, serviceAccounts } from "../../src/api/resource-types.ts";
import type { Container, ContainerStatus, Pod, PodSpec } from "../../src/api/types/core.v1.ts";
import { silentLogger } from "../../src/base/logger.ts";
import type { Client } from "../../src/client/client.ts";
import { type FakeClient, fakeClient } from "../../src/client/fake-client.fixture.ts";
import {
  busyboxMissing,
  containerdMissing,
  type PrivateContainerd,
  privateContainerd,
  TEST_IMAGE,
} from "../../src/cluster/containerd/containerd.fixture.ts";
import { cgroupTree } from "../../src/kubelet/cgroups/cgroupfs.ts";
import { strategicClient } from "../../src/kubelet/kubelet.fixture.ts";
import { type Kubelet, startKubelet } from "../../src/kubelet/kubelet.ts";
import type { Runtime } from "../../src/kubelet/runtime.ts";
import { criRuntime } from "../../src/kubelet/runtimes/cri/cri.ts";

const skip = (await containerdMissing()) ?? (await busyboxMissing()) ?? false;
const NODE = "node-1";
const CGROUP_ROOT = `/knarr-test-${process.pid}`;

/** A kubelet on a real containerd, with real mounts and cgroups; the API alone is a fake. */
describe("the kubelet on containerd", { skip, timeout: 180_000, concurrency: 4 }, () => {
  let node: PrivateContainerd;
  let runtime: Runtime;
  let api: FakeClient;
  let kubelet: Kubelet;
  let tokens = 0;

  const root = () => join(node.directory, "kubelet");
  const start = () =>
    startKubelet({
      ...node.machine,
      client: withTokens(strategicClient(api)),
      runtime,
      logger: silentLogger,
      process: { pid: process.pid, arch: process.arch },
      version: "v1.36.0",
      nodeName: NODE,
      nodeIps: ["10.0.0.1"],
      rootDir: root(),
      podLogsDir: join(node.directory, "logs/pods"),
      containerLogsDir: join(node.directory, "logs/containers"),
      clusterDns: ["10.96.0.10"],
      cgroupRoot: CGROUP_ROOT,
      // The machine that tests run on may be full: that is not what they are about.
      evictionHard: {},
    });
  /** The fake has no TokenRequest. */
  const withTokens = (client: Client): Client => ({
    ...client,
    resource(type, view) {
      const inner = client.resource(type, view);
      if (type.resource !== serviceAccounts.resource) return inner;
      const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
      return {
        ...inner,
        createSubresource: async () => ({ status: { token: `token-${++tokens}`, expirationTimestamp } }) as never,
      };
    },
  });

  before(async () => {
    node = await privateContainerd();
    runtime = criRuntime({ endpoint: node.containerd.socket, clock: node.machine.clock, logger: silentLogger });
    api = fakeClient({ clock: node.machine.clock });
    for (const name of ["default", "kube-node-lease"]) api.put(namespaces, { metadata: { name } });
    api.put(configMaps, {
      metadata: { name: "settings", namespace: "default" },
      data: { color: "blue", "app.conf": "listen 80\n" },
    });
    api.put(secrets, {
      metadata: { name: "password", namespace: "default" },
      data: { key: Buffer.from("s3cret").toString("base64") },
    });
    kubelet = await start();
  });
  after(async () => {
    await kubelet?.stop();
    await runtime?.close();
    const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").map((line) => line.split(" ")[4] ?? "");
    for (const point of mounts.filter((path) => path === root() || path.startsWith(`${root()}/`)).reverse()) {
      await node.machine.exec.run("umount", ["-l", point]);
    }
    await node?.remove();
    if (node) await (await cgroupTree(node.machine.files)).remove(CGROUP_ROOT);
  });

  const create = (name: string, spec: Partial<PodSpec>, containers: (Partial<Container> & { script?: string })[]) =>
    api.put<Pod>(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", uid: `uid-${name}`, labels: { app: name }, generation: 1 },
      spec: {
        nodeName: NODE,
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 5,
        serviceAccountName: "default",
        ...spec,
        containers: containers.map((one, index) => container(one, `c${index}`)),
      },
      status: { phase: "Pending" },
    });
  const container = ({ script, ...more }: Partial<Container> & { script?: string }, name: string): Container => ({
    name,
    image: TEST_IMAGE,
    imagePullPolicy: "IfNotPresent",
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...(script ? { command: ["sh", "-c", script] } : {}),
    ...more,
  });
  const peek = (name: string) => api.peek<Pod>(pods, name, "default");
  const status = (name: string, index = 0): ContainerStatus | undefined =>
    peek(name)?.status?.containerStatuses?.[index];
  const until = async (what: string, condition: () => unknown): Promise<void> => {
    const limit = Date.now() + 60_000;
    while (!(await condition())) {
      if (Date.now() > limit) {
        const events = api.actions.filter(({ resource, verb }) => resource === "events" && verb === "create");
        const texts = events.map(({ body }) => (body as { message: string }).message);
        throw new Error(`not so: ${what}\n${texts.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const finished = async (name: string): Promise<string> => {
    await until(`${name} has ended`, () => ["Succeeded", "Failed"].includes(peek(name)?.status?.phase ?? ""));
    return log(name, "c0");
  };
  const running = (name: string) => until(`${name} runs`, () => peek(name)?.status?.phase === "Running");
  const log = async (name: string, containerName: string): Promise<string> => {
    const directory = join(node.directory, "logs/pods", `default_${name}_uid-${name}`, containerName);
    const [newest] = (await readdir(directory)).sort().reverse();
    const text = await readFile(join(directory, newest!), "utf8");
    return text.replace(/^\S+ \S+ \S /gm, "");
  };

  test("environment: values, references, the downward API, expansion", async () => {
    create("environment", { dnsPolicy: "ClusterFirst" }, [
      {
        script: "env; cat /etc/resolv.conf; cat /etc/hosts; hostname 2>/dev/null; exit 0",
        env: [
          { name: "PLAIN", value: "plain" },
          { name: "EXPANDED", value: "$(PLAIN) $$(PLAIN) $(NONE)" },
          { name: "COLOR", valueFrom: { configMapKeyRef: { name: "settings", key: "color" } } },
          { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "password", key: "key" } } },
          { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
        ],
        envFrom: [{ prefix: "CFG_", configMapRef: { name: "settings" } }],
        resources: { limits: { memory: "64Mi" }, requests: { memory: "64Mi" } },
      },
    ]);
    const output = await finished("environment");
    assert.match(output, /^PLAIN=plain$/m);
    assert.match(output, /^EXPANDED=plain \$\(PLAIN\) \$\(NONE\)$/m);
    assert.match(output, /^COLOR=blue$/m);
    assert.match(output, /^PASSWORD=s3cret$/m);
    assert.match(output, /^NAME=environment$/m);
    assert.match(output, /^MEMORY=64$/m);
    assert.match(output, /^CFG_color=blue$/m);
    assert.match(output, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/m);
    assert.match(output, /^nameserver 10\.96\.0\.10$/m);
    const ip = peek("environment")?.status?.podIP;
    assert.match(output, new RegExp(`^IP=${ip}$`, "m"));
    assert.match(output, new RegExp(`^${ip}\tenvironment$`, "m"));
  });

  test("volumes: of API data, in memory, parts of them, of the host", async () => {
    const host = join(node.directory, "host");
    await mkdir(host);
    await writeFile(join(host, "greeting"), "hello from the host\n");
    create(
      "volumes",
      {
        securityContext: { fsGroup: 1234 },
        volumes: [
          {
            name: "config",
            configMap: { name: "settings", items: [{ key: "app.conf", path: "etc/app.conf", mode: 0o400 }] },
          },
          { name: "secret", secret: { secretName: "password" } },
          { name: "scratch", emptyDir: {} },
          { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
          { name: "host", hostPath: { path: host, type: "Directory" } },
          { name: "info", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
          {
            name: "token",
            projected: { sources: [{ serviceAccountToken: { path: "token" } }, { configMap: { name: "settings" } }] },
          },
        ],
      },
      [
        {
          script: `cat /config/etc/app.conf /secret/key /host/greeting /info/labels /token/token /token/color; echo
            ls -l /secret/..data/key; echo part > /part/file; ls -ld /scratch; cat /scratch/below/file
            head -c 2000000 /dev/zero > /memory/big || echo memory is full
            echo x > /host/other 2>/dev/null || echo host is read-only
            echo x > /config/new 2>/dev/null || echo config is read-only`,
          volumeMounts: [
            { name: "config", mountPath: "/config" },
            { name: "secret", mountPath: "/secret" },
            { name: "scratch", mountPath: "/scratch" },
            { name: "scratch", mountPath: "/part", subPath: "below" },
            { name: "memory", mountPath: "/memory" },
            { name: "host", mountPath: "/host", readOnly: true },
            { name: "info", mountPath: "/info" },
            { name: "token", mountPath: "/token" },
          ],
        },
      ],
    );
    const output = await finished("volumes");
    assert.match(output, /^listen 80$/m);
    assert.match(output, /^s3crethello from the host$/m);
    assert.match(output, /^app="volumes"token-\d+blue$/m);
    assert.match(output, /^-rw-r--r-- .* 1234 .*key$/m);
    // Where root lacks CAP_FSETID the kernel drops the set-group-id bit.
    assert.match(output, /^drwxrw[sx]rwx .* 1234 .*\/scratch$/m);
    assert.match(output, /^part$/m);
    assert.match(output, /^memory is full$/m);
    assert.match(output, /^host is read-only$/m);
    assert.match(output, /^config is read-only$/m);
  });

  test("a ConfigMap volume follows the ConfigMap", async () => {
    api.put(configMaps, { metadata: { name: "changing", namespace: "default" }, data: { value: "one" } });
    create("follows", { volumes: [{ name: "v", configMap: { name: "changing" } }] }, [
      {
        script: 'while ! test "$(cat /v/value)" = two; do sleep 0.05; done; echo seen',
        volumeMounts: [{ name: "v", mountPath: "/v" }],
      },
    ]);
    await running("follows");
    api.put(configMaps, { metadata: { name: "changing", namespace: "default" }, data: { value: "two" } });
    assert.match(await finished("follows"), /^seen$/m);
  });

  test("mounts made in one container are seen by the host and by another", async () => {
    create("propagates", { restartPolicy: "Always", volumes: [{ name: "v", emptyDir: {} }] }, [
      {
        script: "mkdir -p /v/m; busybox mount -t tmpfs tmpfs /v/m && echo inside > /v/m/file; sleep 1000",
        securityContext: { privileged: true },
        volumeMounts: [{ name: "v", mountPath: "/v", mountPropagation: "Bidirectional" }],
      },
      {
        script: "while ! test -f /v/m/file; do sleep 0.05; done; echo seen; sleep 1000",
        volumeMounts: [{ name: "v", mountPath: "/v", mountPropagation: "HostToContainer" }],
      },
    ]);
    await running("propagates");
    await until("seen", async () => (await log("propagates", "c1").catch(() => "")).includes("seen"));
    // The pod's end takes what it has left mounted with it.
    await api.resource(pods).delete("propagates", "default", { gracePeriodSeconds: 1 });
    await until("gone", async () => !(await readdir(join(root(), "pods"))).includes("uid-propagates"));
  });

  test("init containers, a sidecar, and the order of the end", async () => {
    create(
      "sidecar",
      {
        volumes: [{ name: "shared", emptyDir: {} }],
        initContainers: [
          container(
            { script: "echo first >> /shared/order", volumeMounts: [{ name: "shared", mountPath: "/shared" }] },
            "init",
          ),
          container(
            {
              script:
                "echo sidecar >> /shared/order; trap 'cat /shared/order; exit 0' TERM; while true; do sleep 0.05; done",
              restartPolicy: "Always",
              volumeMounts: [{ name: "shared", mountPath: "/shared" }],
            },
            "proxy",
          ),
        ],
      },
      [{ script: "sleep 0.3; echo main >> /shared/order", volumeMounts: [{ name: "shared", mountPath: "/shared" }] }],
    );
    await finished("sidecar");
    assert.equal(peek("sidecar")?.status?.phase, "Succeeded");
    assert.equal(await log("sidecar", "proxy"), "first\nsidecar\nmain\n");
  });

  test("exit codes, termination messages, and the log in their place", async () => {
    create("messages", {}, [
      { script: "echo why > /dev/termination-log; exit 3" },
      { script: "echo the last line; exit 4", terminationMessagePolicy: "FallbackToLogsOnError" },
    ]);
    await finished("messages");
    assert.equal(peek("messages")?.status?.phase, "Failed");
    assert.equal(status("messages", 0)?.state?.terminated?.exitCode, 3);
    assert.equal(status("messages", 0)?.state?.terminated?.message, "why\n");
    assert.equal(status("messages", 1)?.state?.terminated?.message, "the last line\n");
  });

  test("limits hold: of the container and of the pod", async () => {
    const limits = { cpu: "200m", memory: "64Mi" };
    create("limits", {}, [{ script: "sleep 1000", resources: { limits, requests: limits } }]);
    await running("limits");
    if (
      await access("/sys/fs/cgroup/memory").then(
        () => true,
        () => false,
      )
    ) {
      const group = join(CGROUP_ROOT, "kubepods/poduid-limits");
      const read = async (controller: string, file: string) =>
        Number(await readFile(join("/sys/fs/cgroup", controller, group, file), "utf8"));
      assert.equal(await read("memory", "memory.limit_in_bytes"), 64 * 1024 * 1024);
      assert.equal(await read("cpu", "cpu.cfs_quota_us"), 20_000);
      assert.equal(await read("cpu", "cpu.shares"), 204);
    }
    api.remove(pods, "limits", "default");
    await until("gone", async () =>
      (await runtime.listSandboxes()).every(({ metadata }) => metadata.name !== "limits"),
    );
  });

  test("one that takes more memory than it may is OOMKilled", async () => {
    create("greedy", {}, [
      {
        script: "x=xxxxxxxxxxxxxxxx; while true; do x=$x$x; done",
        resources: { limits: { memory: "16Mi" } },
      },
    ]);
    await until("ended", () => status("greedy")?.state?.terminated);
    assert.equal(status("greedy")?.state?.terminated?.reason, "OOMKilled");
    assert.equal(status("greedy")?.state?.terminated?.exitCode, 137);
  });

  test("security: users, read-only root, no new privileges", async () => {
    create("secure", { securityContext: { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [3000] } }, [
      {
        script: "id; touch /x 2>/dev/null || echo read-only; cat /proc/self/status",
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"] },
        },
      },
    ]);
    const output = await finished("secure");
    assert.match(output, /uid=1000 gid=2000 groups=2000,3000/);
    assert.match(output, /^read-only$/m);
    assert.match(output, /^NoNewPrivs:\t1$/m);
    assert.match(output, /^CapBnd:\t0000000000000000$/m);
  });

  test("probes by command; a failing one has the container replaced", async () => {
    create("probed", { restartPolicy: "Always" }, [
      {
        script: "touch /healthy; sleep 1000",
        livenessProbe: {
          exec: { command: ["cat", "/healthy"] },
          periodSeconds: 1,
          failureThreshold: 1,
          timeoutSeconds: 5,
        },
        readinessProbe: { exec: { command: ["cat", "/healthy"] }, periodSeconds: 1, timeoutSeconds: 5 },
      },
    ]);
    await until("ready", () => status("probed")?.ready);
    await runtime.execSync(status("probed")!.containerID!.replace("containerd://", ""), ["rm", "/healthy"], 5000);
    await until("replaced", () => status("probed")?.restartCount === 1 && status("probed")?.ready);
  });

  test("hooks and the grace period", async () => {
    create(
      "hooked",
      { volumes: [{ name: "v", hostPath: { path: join(node.directory, "hooked"), type: "DirectoryOrCreate" } }] },
      [
        {
          script: "trap 'echo term >> /v/order; exit 0' TERM; while true; do sleep 0.05; done",
          volumeMounts: [{ name: "v", mountPath: "/v" }],
          lifecycle: {
            postStart: { exec: { command: ["sh", "-c", "echo started >> /v/order"] } },
            preStop: { exec: { command: ["sh", "-c", "echo stopping >> /v/order"] } },
          },
        },
      ],
    );
    await running("hooked");
    await api.resource(pods).delete("hooked", "default", { gracePeriodSeconds: 5 });
    await until("gone", () => !peek("hooked"));
    assert.equal(await readFile(join(node.directory, "hooked/order"), "utf8"), "started\nstopping\nterm\n");
    await until("no directory left", async () => !(await readdir(join(root(), "pods"))).includes("uid-hooked"));
  });

  test("a bad command, told as upstream tells it", async () => {
    create("bad", {}, [{ command: ["/no-such-program"] }]);
    await finished("bad");
    const { terminated } = status("bad")?.state ?? {};
    assert.equal(terminated?.reason, "StartError");
    assert.equal(terminated?.exitCode, 128);
    assert.match(terminated?.message ?? "", /no-such-program/);
  });

  test("a restarted kubelet touches nothing that runs", async () => {
    create("steady", { restartPolicy: "Always", volumes: [{ name: "s", secret: { secretName: "password" } }] }, [
      { script: "sleep 1000", volumeMounts: [{ name: "s", mountPath: "/s" }] },
    ]);
    await running("steady");
    const before = status("steady");
    await kubelet.stop();
    kubelet = await start();
    await kubelet.registered;
    create("afterwards", {}, [{ script: "echo fine" }]);
    assert.match(await finished("afterwards"), /^fine$/m);
    assert.deepEqual(status("steady"), before);
  });
});
