import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerStatus } from "../../api/types/core.v1.ts";
import { loggedContainer, logQuery } from "./container-logs.ts";
import { RequestError } from "./request-target.ts";

const NOW = Date.UTC(2026, 0, 1);
const query = (text: string) => logQuery(new URLSearchParams(text), NOW);
const refused = (code: number, message?: RegExp) => (error: unknown) =>
  error instanceof RequestError && error.code === code && (message?.test(error.message) ?? true);

test("the query is read as PodLogOptions", () => {
  assert.deepEqual(query(""), { previous: false, follow: false, timestamps: false, stream: "All" });
  assert.deepEqual(query("follow=true&timestamps=1&previous=false&tailLines=5&limitBytes=10&sinceSeconds=60"), {
    previous: false,
    follow: true,
    timestamps: true,
    stream: "All",
    tailLines: 5,
    limitBytes: 10,
    sinceMs: NOW - 60_000,
  });
  assert.equal(query("sinceTime=2026-01-01T00:00:00Z").sinceMs, NOW);
  assert.equal(query("tail=3").tailLines, 3);
  assert.equal(query("tail=all&tailLines=3").tailLines, undefined);
  assert.equal(query("stream=Stderr").stream, "Stderr");
});

test("an impossible query is refused", () => {
  for (const text of ["tailLines=x", "sinceTime=yesterday"]) assert.throws(() => query(text), refused(400), text);
  for (const text of [
    "tailLines=-1",
    "limitBytes=0",
    "sinceSeconds=0",
    "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
    "stream=Both",
    "stream=Stdout&tailLines=1",
  ]) {
    assert.throws(() => query(text), refused(422), text);
  }
});

test("the log of the running container is meant, else of the last one that ran, else of none", () => {
  const cases: [Partial<ContainerStatus> | undefined, boolean, string | RegExp][] = [
    [{ state: { running: {} }, containerID: "containerd://now" }, false, "containerd://now"],
    [{ state: { terminated: { exitCode: 0, containerID: "containerd://ended" } } }, false, "containerd://ended"],
    [
      {
        state: { waiting: { reason: "CrashLoopBackOff" } },
        lastState: { terminated: { exitCode: 1, containerID: "containerd://last" } },
      },
      false,
      "containerd://last",
    ],
    [
      {
        state: { running: {} },
        containerID: "containerd://now",
        lastState: { terminated: { exitCode: 1, containerID: "containerd://last" } },
      },
      true,
      "containerd://last",
    ],
    [
      { state: { running: {} }, containerID: "containerd://now" },
      true,
      /^previous terminated container "main" in pod "p" not found$/,
    ],
    [
      { state: { waiting: { reason: "ContainerCreating" } } },
      false,
      /^container "main" in pod "p" is waiting to start: ContainerCreating$/,
    ],
    [{ state: { waiting: { reason: "ImagePullBackOff" } } }, false, /trying and failing to pull image$/],
    [{ state: { waiting: { reason: "ErrImagePull" } } }, false, /image can't be pulled$/],
    [{ state: { terminated: { exitCode: 1 } } }, false, /is terminated$/],
    [{ state: {} }, false, /no logs yet$/],
    [undefined, false, /^container "main" in pod "p" is not available$/],
  ];
  for (const [status, previous, expected] of cases) {
    const full = status && { name: "main", image: "", imageID: "", ready: false, restartCount: 0, ...status };
    const find = () => loggedContainer("p", { containerStatuses: full ? [full] : [] }, "main", previous);
    if (typeof expected === "string") assert.equal(find(), expected);
    else assert.throws(find, refused(400, expected));
  }
});
