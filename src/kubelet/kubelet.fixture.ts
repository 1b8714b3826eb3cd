import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ResourceType } from "../api/object.ts";
import { strategicMergePatch } from "../api/patch/strategic.ts";
import { events, namespaces, pods } from "../api/resource-types.ts";
import { schemaOf } from "../api/schema/schema.ts";
import type { Event, Pod, PodSpec } from "../api/types/core.v1.ts";
import { systemExec } from "../base/exec.ts";
import { type Files, systemFiles } from "../base/files.ts";
import { silentLogger } from "../base/logger.ts";
import { systemNetwork } from "../base/network.ts";
import { seededRandom } from "../base/random.ts";
import { type VirtualClock, virtualClock } from "../base/virtual-clock.ts";
import type { Client, ResourceClient } from "../client/client.ts";
import { type FakeClient, fakeClient } from "../client/fake-client.fixture.ts";
import { noPodCgroups } from "./cgroups/pod-cgroups.ts";
import { type FakeRuntime, fakeImage, fakeRuntime } from "./fake-runtime.fixture.ts";
import { type Kubelet, type KubeletOptions, startKubelet } from "./kubelet.ts";
import type { Mounter } from "./volumes/mounter.ts";

/** A kubelet on a fake runtime, a fake API and a clock that stands still, with real files in a temporary directory. */
export interface KubeletFixture {
  readonly api: FakeClient;
  readonly runtime: FakeRuntime;
  readonly clock: VirtualClock;
  readonly root: string;
  readonly mounts: string[];
  kubelet: Kubelet;
  /** As after `kill -9`: another kubelet on the same runtime, API and files. */
  restart(): Promise<void>;
  createPod(spec: Partial<PodSpec>, metadata?: Pod["metadata"]): Pod;
  pod(name?: string): Pod;
  /** The reasons and messages of the events about a pod, oldest first. */
  events(name?: string): string[];
  /** Lets things happen until `condition` holds; fails with `what` where that is not soon. */
  until(what: string, condition: () => unknown): Promise<void>;
  /** Lets everything happen that needs no time. */
  settle(): Promise<void>;
  /** Moves the clock in steps until `condition` holds, at most by `limitMs`. */
  advanceUntil(what: string, condition: () => unknown, limitMs: number, stepMs?: number): Promise<void>;
}

export const NODE = "node-1";

export async function kubeletFixture(t: TestContext, options: Partial<KubeletOptions> = {}): Promise<KubeletFixture> {
  const clock = virtualClock();
  const api = fakeClient({ clock });
  const runtime = fakeRuntime(clock);
  const root = await mkdtemp(join(tmpdir(), "knarr-kubelet-"));
  const mounts: string[] = [];
  runtime.images.set("app:1", fakeImage("app:1"));
  for (const name of ["default", "kube-system", "kube-node-lease"]) api.put(namespaces, { metadata: { name } });

  const files = countedFiles();
  let seed = 0;

  const start = () =>
    startKubelet({
      client: strategicClient(api),
      runtime,
      clock,
      random: seededRandom(++seed),
      files: files.files,
      exec: systemExec,
      network: systemNetwork,
      logger: silentLogger,
      process: { pid: process.pid, arch: "x64" },
      version: "v1.36.0",
      mounter: fakeMounter(mounts),
      cgroups: noPodCgroups,
      nodeName: NODE,
      nodeIps: ["192.168.0.1"],
      rootDir: join(root, "kubelet"),
      podLogsDir: join(root, "pods"),
      containerLogsDir: join(root, "containers"),
      resolvConf: "",
      clusterDns: ["10.96.0.10"],
      ...options,
    });

  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  /** All that needs no time has happened: no file is being worked on, for a good while. */
  const quiet = async () => {
    for (let idle = 0; idle < 40; idle++) {
      await turn();
      if (files.pending() > 0) idle = 0;
    }
  };
  const fixture: KubeletFixture = {
    api,
    runtime,
    clock,
    root,
    mounts,
    kubelet: await start(),
    async restart() {
      await fixture.kubelet.stop();
      fixture.kubelet = await start();
    },
    createPod(spec, metadata = {}) {
      const [pod] = api.put<Pod>(pods, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: "web",
          namespace: "default",
          uid: `uid-${metadata.name ?? "web"}`,
          generation: 1,
          ...metadata,
        },
        spec: {
          nodeName: NODE,
          restartPolicy: "Always",
          terminationGracePeriodSeconds: 30,
          containers: [{ name: "app", image: "app:1" }],
          ...spec,
        },
        status: { phase: "Pending", qosClass: "BestEffort" },
      });
      return pod!;
    },
    pod(name = "web") {
      const found = api.peek<Pod>(pods as ResourceType<Pod>, name, "default");
      if (!found) throw new Error(`there is no pod ${name}`);
      return found;
    },
    events: (name = "web") =>
      api
        .all<Event>(events as ResourceType<Event>)
        .filter(({ involvedObject }) => involvedObject.name === name)
        .map(({ type, reason, message }) => `${type} ${reason}: ${message}`),
    async until(what, condition) {
      // Files are real and take real time; the bound is only for a test that would never end.
      for (let turns = 0; turns < 20_000; turns++) {
        if (await condition()) return;
        await turn();
      }
      throw new Error(
        `not so: ${what}\n${runtime.calls.join("\n")}\n${JSON.stringify(api.peek(pods, "web", "default")?.status, null, 1)}`,
      );
    },
    async settle() {
      await quiet();
    },
    async advanceUntil(what, condition, limitMs, stepMs = 1000) {
      for (let moved = 0; moved < limitMs; moved += stepMs) {
        if (await condition()) return;
        await clock.advance(stepMs);
        await quiet();
      }
      if (!condition())
        throw new Error(
          `not within ${limitMs} ms: ${what}\n${runtime.calls.join("\n")}\n${fixture.events().join("\n")}`,
        );
    },
  };
  t.after(async () => {
    await fixture.kubelet.stop();
    await rm(root, { recursive: true, force: true });
  });
  return fixture;
}

/** The machine's files, and how many calls are under way. */
function countedFiles(): { files: Files; pending(): number } {
  let pending = 0;
  const counted = <T extends object>(object: T): T =>
    new Proxy(object, {
      get(target, name) {
        const value = target[name as keyof T] as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args);
          if (!(result instanceof Promise)) return result;
          pending++;
          return result
            .then((answer) => (name === "open" ? counted(answer as object) : answer))
            .finally(() => pending--);
        };
      },
    });
  return { files: counted(systemFiles), pending: () => pending };
}

function fakeMounter(mounts: string[]): Mounter {
  return {
    async tmpfs(target) {
      mounts.push(target);
    },
    async bind(_, target) {
      mounts.push(target);
    },
    async share() {},
    async unmount(target) {
      mounts.splice(mounts.indexOf(target), 1);
    },
    list: async () => [...mounts],
  };
}

/** The fake takes every patch for a merge patch; the kubelet's statuses need the strategic kind. */
export function strategicClient(api: FakeClient): Client {
  return {
    ...api,
    resource(type, view) {
      const inner = api.resource(type, view);
      const patched: ResourceClient<never> = {
        ...(inner as ResourceClient<never>),
        async patch(name, namespace, kind, patch, write) {
          if (kind !== "strategic") return (inner as ResourceClient<never>).patch(name, namespace, kind, patch, write);
          const live = (await inner.get(name, namespace)) as unknown as Record<string, unknown>;
          const schema = schemaOf({ group: type.group, version: type.version, kind: type.kind });
          const next = strategicMergePatch(live, patch as Record<string, unknown>, schema as never);
          // As one merge patch that replaces what has changed, so that the fake records it as what it was.
          const whole: Record<string, unknown> = {};
          for (const field of Object.keys(patch as object)) whole[field] = replaced(live[field], next[field]);
          return (inner as ResourceClient<never>).patch(name, namespace, "merge", whole, write);
        },
      };
      return patched as never;
    },
  };
}

/** A merge patch that makes `next` of `live`: fields that went away as null. */
function replaced(live: unknown, next: unknown): unknown {
  const isMap = (value: unknown): value is Record<string, unknown> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isMap(live) || !isMap(next)) return next;
  const gone = Object.keys(live).filter((key) => !(key in next));
  return {
    ...Object.fromEntries(Object.entries(next).map(([key, value]) => [key, replaced(live[key], value)])),
    ...Object.fromEntries(gone.map((key) => [key, null])),
  };
}
