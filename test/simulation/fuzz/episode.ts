import { isDeepStrictEqual } from "node:util";
import { gunzipSync } from "node:zlib";
import { resourcePath } from "../../../src/api/object.ts";
import { type ServedResource, servedResources } from "../../../src/api/schema/served-resources.ts";
import { featureGates } from "../../../src/apiserver/feature-gates.ts";
import { runtimeConfig } from "../../../src/apiserver/runtime-config.ts";
import { testServer } from "../../../src/apiserver/server.fixture.ts";
import type { ApiServer } from "../../../src/apiserver/server.ts";
import { nextTurn } from "../../../src/base/event-loop.ts";
import type { Logger } from "../../../src/base/logger.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { type VirtualClock, virtualClock } from "../../../src/base/virtual-clock.ts";
import { Choice } from "./choice.ts";
import { decoded, essence, type FuzzAnswer, problemWith } from "./oracle.ts";
import { type FuzzRequest, Requests } from "./requests.ts";

/** Something that must not be, with what caused it. */
export class FuzzFailure extends Error {}

const FEATURES = featureGates([]);
/** Custom resources come and go: they are asked for whether they are there or not. */
const WIDGETS: ServedResource = {
  ...servedResources()[0]!,
  group: "example.com",
  version: "v1",
  resource: "widgets",
  singular: "widget",
  kind: "Widget",
  listKind: "WidgetList",
  namespaced: true,
  verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
  subresources: [],
};
const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };

/** One request must not take longer than this on the processor, all others waiting. */
const STALL_MS = 100;
/** How far time is moved for an answer that waits for something. */
const LONGEST_WAIT_MS = 120_000;
/** And for one that has begun and goes on. */
const LATE_MS = 5_000;

/** So many requests, drawn from `seed`, to a new server. Throws FuzzFailure. */
export async function episode(seed: number, requests: number): Promise<Record<number, number>> {
  const choice = new Choice(seededRandom(seed));
  const clock = virtualClock();
  const failures: string[] = [];
  const serves = runtimeConfig(["api/all=true"], servedResources(true), FEATURES);
  const server = testServer({ clock, random: seededRandom(seed), serves, features: FEATURES }, errorsTo(failures));
  const codes: Record<number, number> = {};
  let doing = "starting";
  try {
    await settled(server.ready, clock);
    const resources = [...servedResources(true).filter(serves), WIDGETS, WIDGETS];
    const maker = new Requests(choice, resources);
    for (let index = 0; index < requests; index++) {
      const request = maker.next();
      doing = describe(seed, index, request);
      const answer = await sent(server, clock, request, doing);
      codes[answer.status] = (codes[answer.status] ?? 0) + 1;
      const problem = problemWith(request.method, request.path, answer) ?? failures[0];
      if (problem) throw new FuzzFailure(`${problem}\n${doing}`);
      learn(maker, answer);
    }
    doing = `seed ${seed}: looking at what is stored`;
    for (const resource of resources) await checkStored(server, clock, resource, seed);
    if (failures.length > 0) throw new FuzzFailure(`${failures[0]}\n${doing}`);
    return codes;
  } catch (error) {
    if (error instanceof FuzzFailure) throw error;
    throw new FuzzFailure(`${(error as Error).stack}\n${doing}`);
  } finally {
    const closed = server.close(0);
    await settled(closed, clock);
  }
}

/** What the server logs as an error is a mistake of ours. */
function errorsTo(failures: string[]): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) =>
      void failures.push(
        `the server logged: ${message} ${fields?.["stack"] ?? (fields?.["error"] as Error | undefined)?.stack ?? ""}`,
      ),
    with: () => logger,
  };
  return logger;
}

async function sent(server: ApiServer, clock: VirtualClock, request: FuzzRequest, doing: string): Promise<FuzzAnswer> {
  const once = async () => {
    const { method, path, headers, body, user } = request;
    const ending = new AbortController();
    let head: { status: number; headers: Record<string, string> } | undefined;
    const chunks: Uint8Array[] = [];
    const answered = async (): Promise<FuzzAnswer> => {
      let isStream = false;
      try {
        const sent = { method, path, headers, ...(body ? { body } : {}), signal: ending.signal };
        const response = await server.transport(user).request(sent);
        head = response;
        for await (const chunk of response.body) chunks.push(chunk);
      } catch (error) {
        if (!head || !ending.signal.aborted) throw error;
        isStream = true;
      }
      const whole = Buffer.concat(chunks);
      const isCompressed = head.headers["content-encoding"] === "gzip" && !isStream;
      return { status: head.status, headers: head.headers, body: isCompressed ? gunzipSync(whole) : whole, isStream };
    };
    // What has begun to answer and does not end has been heard for long enough.
    return measured(answered(), clock, doing, () => head && ending.abort());
  };
  const { value, heldMs } = await once();
  if (heldMs > STALL_MS) {
    // The collector, or the compiler, may have had its turn: what is slow by itself is so again.
    const least = Math.min((await once()).heldMs, (await once()).heldMs);
    if (least > STALL_MS) throw new FuzzFailure(`the event loop was held for ${least.toFixed(0)} ms\n${doing}`);
  }
  return value;
}

/** The outcome, and the longest turn of the event loop on the way to it. Time is moved when nothing happens by itself. */
async function measured<T>(
  running: Promise<T>,
  clock: VirtualClock,
  doing: string,
  onLate: () => void = () => {},
): Promise<{ value: T; heldMs: number }> {
  let outcome: { value: T } | { error: unknown } | undefined;
  running.then(
    (value) => {
      outcome = { value };
    },
    (error) => {
      outcome = { error };
    },
  );
  let heldMs = 0;
  let waited = 0;
  for (let turn = 0; !outcome; turn++) {
    const before = process.threadCpuUsage();
    await nextTurn();
    const after = process.threadCpuUsage();
    heldMs = Math.max(heldMs, (after.user + after.system - before.user - before.system) / 1000);
    if (outcome || turn < 20 || turn % 5 !== 0) continue;
    if (waited > LATE_MS) onLate();
    if (waited > LONGEST_WAIT_MS) throw new FuzzFailure(`no answer after ${waited / 1000} s\n${doing}`);
    waited += 500;
    await clock.advance(500);
  }
  if ("error" in outcome) throw outcome.error;
  return { value: outcome.value, heldMs };
}

const settled = async <T>(running: Promise<T>, clock: VirtualClock): Promise<T> =>
  (await measured(running, clock, "waiting")).value;

/** Continue tokens and versions, to be used and misused later. */
function learn(maker: Requests, { status, headers, body }: FuzzAnswer): void {
  if (status !== 200 || headers["content-type"] !== "application/json") return;
  try {
    const { metadata } = JSON.parse(body.toString()) as { metadata?: { continue?: string; resourceVersion?: string } };
    if (metadata?.continue) maker.tokens.push(metadata.continue);
    maker.version = Math.max(maker.version, Number(metadata?.resourceVersion) || 0);
  } catch {
    // A watch: several values, one after the other.
  }
}

/** Everything that can be read is whole: it reads the same in protobuf, and can be written back as it is. */
async function checkStored(
  server: ApiServer,
  clock: VirtualClock,
  resource: ServedResource,
  seed: number,
): Promise<void> {
  if (!resource.verbs.includes("list")) return;
  const call = (method: "GET" | "PUT", path: string, headers: Record<string, string> = {}, body?: Buffer) =>
    sent(
      server,
      clock,
      { method, path, headers, user: ADMIN, ...(body ? { body } : {}) },
      `seed ${seed}: ${method} ${path}`,
    );
  const list = await call("GET", resourcePath(resource));
  if (list.status !== 200) return; // custom, and not there
  const { items } = JSON.parse(list.body.toString()) as { items: { metadata: { name: string; namespace?: string } }[] };
  for (const { metadata } of items) {
    const path = resourcePath(resource, { name: metadata.name, namespace: metadata.namespace ?? "" });
    const read = await call("GET", path);
    const object = JSON.parse(read.body.toString()) as { metadata: { deletionTimestamp?: string } };
    const binary = await call("GET", path, { accept: "application/vnd.kubernetes.protobuf,application/json" });
    const same = decoded(binary.headers["content-type"]!, binary.body);
    if (!isDeepStrictEqual(essence(same), essence(object))) {
      throw new FuzzFailure(
        `seed ${seed}: ${path} reads differently in protobuf:\n${JSON.stringify(object)}\n${JSON.stringify(same)}`,
      );
    }
    if (!resource.verbs.includes("update") || object.metadata.deletionTimestamp) continue;
    const back = await call(
      "PUT",
      `${path}?dryRun=All&fieldValidation=Strict`,
      { "content-type": "application/json" },
      read.body,
    );
    if (back.status !== 200) {
      throw new FuzzFailure(`seed ${seed}: what ${path} gives can't be written back: ${back.body}\n${read.body}`);
    }
  }
}

function describe(seed: number, index: number, { method, path, headers, body, user }: FuzzRequest): string {
  const shown =
    body === undefined
      ? ""
      : body.length > 3000
        ? `${body.toString("latin1").slice(0, 1500)}… (${body.length} bytes)`
        : body.toString("latin1");
  return `seed ${seed}, request ${index}, as ${user.name}: ${method} ${path}\n${JSON.stringify(headers)}\n${shown}`;
}
