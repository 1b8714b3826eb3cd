import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type ContainerConfig, type Runtime, RuntimeError, type SandboxConfig } from "./runtime.ts";

/** What a runtime brings to the suite. */
export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** An image with a POSIX shell, `sleep`, `cat` and `head`, that the runtime has. */
  readonly image: string;
  /** Another name of some image, which the suite removes. */
  readonly spareImage: string;
  close(): Promise<void>;
}

/** What every implementation of Runtime does. Run it from a test file: one process, one runtime. */
export function runtimeContract(
  name: string,
  options: { skip?: string | false; open(): Promise<RuntimeUnderTest> },
): void {
  describe(`${name} as a Runtime`, { skip: options.skip ?? false, concurrency: 4 }, () => {
    let under: RuntimeUnderTest;
    let runtime: Runtime;
    let logs: string;
    const sandboxes: string[] = [];
    before(async () => {
      under = await options.open();
      runtime = under.runtime;
      logs = await mkdtemp(join(tmpdir(), "knarr-logs-"));
    });
    after(async () => {
      for (const id of sandboxes) await runtime.removeSandbox(id);
      await under.close();
      await rm(logs, { recursive: true, force: true });
    });

    const sandboxConfig = (pod: string, changes: Partial<SandboxConfig> = {}): SandboxConfig => ({
      metadata: { name: pod, namespace: "default", uid: `uid-${pod}`, attempt: 0 },
      hostname: pod,
      logDirectory: join(logs, pod),
      dns: { servers: ["10.96.0.10"], searches: ["default.svc.cluster.local"], options: ["ndots:5"] },
      portMappings: [],
      labels: { "io.kubernetes.pod.name": pod },
      annotations: { note: "kept" },
      linux: { security: { network: "pod", pid: "container", ipc: "pod" } },
      ...changes,
    });
    const containerConfig = (
      container: string,
      script: string,
      changes: Partial<ContainerConfig> = {},
    ): ContainerConfig => ({
      metadata: { name: container, attempt: 1 },
      image: under.image,
      userSpecifiedImage: under.image,
      command: ["sh", "-c", script],
      args: [],
      workingDir: "",
      envs: [],
      mounts: [],
      devices: [],
      labels: { "io.kubernetes.container.name": container },
      annotations: { hash: "abc" },
      logPath: `${container}.log`,
      stdin: false,
      stdinOnce: false,
      tty: false,
      linux: {
        security: {
          privileged: false,
          addCapabilities: [],
          dropCapabilities: [],
          network: "pod",
          pid: "container",
          ipc: "pod",
          supplementalGroups: [],
          readonlyRootfs: false,
          noNewPrivs: false,
          seccomp: { type: "unconfined" },
          maskedPaths: [],
          readonlyPaths: [],
        },
      },
      ...changes,
    });
    const runPod = async (pod: string): Promise<{ id: string; config: SandboxConfig }> => {
      const config = sandboxConfig(pod);
      await mkdir(config.logDirectory, { recursive: true });
      const id = await runtime.runSandbox(config);
      sandboxes.push(id);
      return { id, config };
    };
    const start = async (pod: { id: string; config: SandboxConfig }, config: ContainerConfig): Promise<string> => {
      const id = await runtime.createContainer(pod.id, config, pod.config);
      await runtime.startContainer(id);
      return id;
    };
    /** Resolves with the status once the container has ended; looks whenever the runtime says that something changed. */
    const untilExited = async (id: string) => {
      let wake = () => {};
      const subscription = runtime.subscribe(() => wake());
      try {
        for (;;) {
          const changed = new Promise<void>((resolve) => {
            wake = resolve;
          });
          const status = await runtime.containerStatus(id);
          if (status?.state === "exited") return status;
          await changed;
        }
      } finally {
        subscription.close();
      }
    };
    const isRuntimeError =
      (...codes: RuntimeError["code"][]) =>
      (error: unknown) =>
        error instanceof RuntimeError && codes.includes(error.code);

    test("it tells its version and that it is ready", async () => {
      const version = await runtime.version();
      assert.ok(version.runtimeName && version.runtimeVersion && version.runtimeApiVersion);
      const { runtimeReady, networkReady } = await runtime.status();
      assert.deepEqual([runtimeReady, networkReady], [{ ok: true }, { ok: true }]);
    });

    test("a sandbox runs, is found, stops, and is removed; stopping and removing again does no harm", async () => {
      const { id, config } = await runPod("sandbox");
      const status = await runtime.sandboxStatus(id);
      assert.equal(status?.state, "ready");
      assert.deepEqual(status.metadata, config.metadata);
      assert.deepEqual(status.labels, config.labels);
      assert.deepEqual(status.annotations, config.annotations);
      assert.equal(status.ips.length, 1);
      assert.ok(status.createdAt > Date.UTC(2020, 0, 1));
      assert.ok((await runtime.listSandboxes()).some((listed) => listed.id === id && listed.state === "ready"));
      await runtime.stopSandbox(id);
      assert.equal((await runtime.sandboxStatus(id))?.state, "not-ready");
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
      assert.equal(await runtime.sandboxStatus(id), undefined);
      await runtime.removeSandbox(id);
      assert.ok(!(await runtime.listSandboxes()).some((listed) => listed.id === id));
    });

    test("a container is created, runs, is stopped and removed", async () => {
      const pod = await runPod("lifecycle");
      const config = containerConfig("main", 'trap "exit 3" TERM; echo ready; while :; do sleep 0.05; done');
      const id = await runtime.createContainer(pod.id, config, pod.config);
      assert.equal((await runtime.containerStatus(id))?.state, "created");
      await runtime.startContainer(id);
      const running = await runtime.containerStatus(id);
      assert.equal(running?.state, "running");
      assert.equal(running.sandboxId, pod.id);
      assert.deepEqual(running.metadata, config.metadata);
      assert.deepEqual([running.labels, running.annotations], [config.labels, config.annotations]);
      assert.equal(running.logPath, join(pod.config.logDirectory, "main.log"));
      assert.ok(running.startedAt >= running.createdAt);
      const listed = (await runtime.listContainers()).find((candidate) => candidate.id === id);
      assert.deepEqual([listed?.state, listed?.sandboxId, listed?.metadata], ["running", pod.id, config.metadata]);
      while (!(await readFile(running.logPath, "utf8")).includes("ready")) await new Promise(setImmediate);
      await runtime.stopContainer(id, 10);
      const exited = await runtime.containerStatus(id);
      assert.deepEqual([exited?.state, exited?.exitCode, exited?.reason], ["exited", 3, "Error"]);
      assert.ok(exited!.finishedAt >= exited!.startedAt);
      await runtime.stopContainer(id, 10);
      await runtime.removeContainer(id);
      assert.equal(await runtime.containerStatus(id), undefined);
      await runtime.removeContainer(id);
    });

    test("a container that ignores its stop signal is killed after the grace period", async () => {
      const pod = await runPod("stubborn");
      const id = await start(pod, containerConfig("main", 'trap "" TERM; while :; do sleep 0.05; done'));
      await runtime.stopContainer(id, 0);
      assert.equal((await runtime.containerStatus(id))?.exitCode, 137);
    });

    test("ends are announced, and the state is then known", async () => {
      const pod = await runPod("events");
      const config = containerConfig("main", "sleep 0.2; exit 7");
      const announced = Promise.withResolvers<string>();
      let watched = "";
      const subscription = runtime.subscribe((id) => {
        if (id !== "" && id === watched) announced.resolve(id);
      });
      try {
        watched = await runtime.createContainer(pod.id, config, pod.config);
        await runtime.startContainer(watched);
        await announced.promise;
        const status = await runtime.containerStatus(watched);
        assert.deepEqual([status?.state, status?.exitCode], ["exited", 7]);
      } finally {
        subscription.close();
      }
    });

    test("output goes to the log file in CRI's format, and to a new file after a rotation", async () => {
      const pod = await runPod("logs");
      const script =
        "echo out; echo err >&2; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo later; echo -n unfinished";
      const id = await start(pod, containerConfig("main", script));
      const path = join(pod.config.logDirectory, "main.log");
      while ((await readFile(path, "utf8")).split("\n").length < 3) await new Promise(setImmediate);
      // The two streams are copied side by side, so that either line may be first.
      const lines = (await readFile(path, "utf8")).trim().split("\n");
      assert.equal(lines.length, 2);
      assert.ok(lines.some((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\S+ stderr F err$/.test(line)));
      assert.ok(lines.some((line) => / stdout F out$/.test(line)));
      await rename(path, `${path}.old`);
      await runtime.reopenContainerLog(id);
      await runtime.execSync(id, ["touch", "/tmp/go"], 5000);
      await untilExited(id);
      const after = (await readFile(path, "utf8")).trim().split("\n");
      assert.match(after[0]!, / stdout F later$/);
      assert.match(after[1]!, / stdout [FP] unfinished$/);
      assert.equal((await readFile(`${path}.old`, "utf8")).includes("later"), false);
    });

    test("environment, arguments, working directory and mounts are the container's", async () => {
      const pod = await runPod("config");
      const volume = join(logs, "volume");
      await mkdir(volume);
      const id = await start(
        pod,
        containerConfig(
          "main",
          'echo "$A $1 $(pwd) $(hostname 2>/dev/null || cat /etc/hostname)" > /data/out; touch /data/x',
          {
            args: ["zero", "one"],
            envs: [{ key: "A", value: "ä=1" }],
            workingDir: "/tmp",
            mounts: [{ containerPath: "/data", hostPath: volume, readonly: false, propagation: "private" }],
          },
        ),
      );
      const status = await untilExited(id);
      assert.deepEqual([status.exitCode, status.reason], [0, "Completed"]);
      assert.deepEqual(
        status.mounts.map(({ containerPath, hostPath, readonly }) => ({ containerPath, hostPath, readonly })),
        [{ containerPath: "/data", hostPath: volume, readonly: false }],
      );
      assert.equal((await readFile(join(volume, "out"), "utf8")).trim(), "ä=1 one /tmp config");
    });

    test("commands run in a container, with their exit code and output; a time-out has its own code", async () => {
      const pod = await runPod("exec");
      const id = await start(pod, containerConfig("main", "while :; do sleep 1; done"));
      const result = await runtime.execSync(id, ["sh", "-c", "echo out; echo err >&2; exit 4"], 10_000);
      assert.equal(result.exitCode, 4);
      assert.equal(result.stdout.toString(), "out\n");
      assert.equal(result.stderr.toString(), "err\n");
      await assert.rejects(runtime.execSync(id, ["sleep", "30"], 500), isRuntimeError("timeout"));
      await assert.rejects(runtime.execSync("nothing", ["true"], 500), isRuntimeError("not-found"));
    });

    test("what can't be started says why", async () => {
      const pod = await runPod("failing");
      const config = containerConfig("main", "");
      const id = await runtime.createContainer(pod.id, { ...config, command: ["/no/such/command"] }, pod.config);
      await assert.rejects(runtime.startContainer(id), /no such file or directory/);
      const status = await runtime.containerStatus(id);
      assert.deepEqual([status?.state, status?.reason], ["exited", "StartError"]);
      assert.ok(status!.exitCode !== 0);
      await assert.rejects(
        runtime.createContainer(pod.id, { ...config, image: "localhost/none:1" }, pod.config),
        isRuntimeError("not-found", "unknown"),
      );
    });

    test("too much memory ends a container with OOMKilled", async () => {
      const pod = await runPod("memory");
      const config = containerConfig("main", "head -c 100000000 /dev/zero | tail -c 90000000 > /dev/null; exit 1");
      const id = await start(pod, {
        ...config,
        linux: { ...config.linux, resources: { memoryLimitInBytes: 16_000_000 } },
      });
      const status = await untilExited(id);
      assert.equal(status.reason, "OOMKilled");
    });

    test("resources change in place, and use is measured", async () => {
      const pod = await runPod("resources");
      const id = await start(pod, containerConfig("main", "while :; do sleep 1; done"));
      await runtime.updateContainerResources(id, { cpuShares: 512, memoryLimitInBytes: 64_000_000 });
      const stats = (await runtime.stats()).find((candidate) => candidate.id === id);
      assert.ok(stats);
      assert.deepEqual(stats.labels, { "io.kubernetes.container.name": "main" });
      assert.ok(stats.memoryWorkingSetBytes > 0 && stats.cpuUsageCoreNanoSeconds > 0 && stats.timestamp > 0);
    });

    test("images are found, listed and removed", async () => {
      const found = await runtime.imageStatus(under.spareImage);
      assert.ok(found && found.sizeBytes > 0);
      assert.ok((await runtime.listImages()).some(({ id }) => id === found.id));
      await runtime.removeImage(under.spareImage);
      assert.equal(await runtime.imageStatus(under.spareImage), undefined);
      await runtime.removeImage(under.spareImage);
      assert.equal(await runtime.imageStatus("localhost/none:1"), undefined);
      const { usedBytes, mountpoint } = await runtime.imageFsInfo();
      // Runtimes measure every now and then: at first it may be nothing.
      assert.ok(usedBytes >= 0 && mountpoint.startsWith("/"));
    });

    test("streams are served at one-use URLs", async () => {
      const pod = await runPod("streams");
      const id = await start(pod, containerConfig("main", "while :; do sleep 1; done"));
      const streams = { stdin: false, stdout: true, stderr: true, tty: false };
      const urls = [
        await runtime.execUrl(id, { ...streams, command: ["true"] }),
        await runtime.attachUrl(id, streams),
        await runtime.portForwardUrl(pod.id, [80]),
      ];
      for (const url of urls) assert.match(url, /^https?:\/\//);
      assert.equal(new Set(urls).size, urls.length);
    });

    test("what isn't there is undefined to look at, and nothing to stop or remove", async () => {
      const id = "f".repeat(64);
      assert.equal(await runtime.sandboxStatus(id), undefined);
      assert.equal(await runtime.containerStatus(id), undefined);
      await runtime.stopSandbox(id);
      await runtime.removeSandbox(id);
      await runtime.stopContainer(id, 1);
      await runtime.removeContainer(id);
      await assert.rejects(runtime.startContainer(id), isRuntimeError("not-found"));
    });
  });
}
