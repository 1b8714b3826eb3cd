import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { systemFiles } from "../../base/files.ts";
import { silentLogger } from "../../base/logger.ts";
import { metricsRegistry } from "../../base/metrics.ts";
import { seededRandom } from "../../base/random.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { type WebhookCaller, WebhookError } from "../webhook/webhook-client.ts";
import { type AuditBackend, auditMetrics } from "./backend.ts";
import { bufferedBackend } from "./buffered-backend.ts";
import type { AuditEvent } from "./event.ts";
import { legacyLine } from "./log-format.ts";
import { RotatingFile } from "./rotating-file.ts";
import { truncatingBackend } from "./truncating-backend.ts";
import { webhookBackend } from "./webhook-backend.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-audit-"));
});
after(() => rm(directory, { recursive: true }));

const event = (auditID: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: "Event",
  apiVersion: "audit.k8s.io/v1",
  level: "RequestResponse",
  auditID,
  stage: "ResponseComplete",
  requestURI: "/api/v1/pods",
  verb: "list",
  user: { username: "jane", groups: ["a", "b"] },
  requestReceivedTimestamp: "2026-01-01T00:00:00.000000Z",
  stageTimestamp: "2026-01-01T00:00:00.000000Z",
  ...more,
});
const ids = (events: readonly AuditEvent[]) => events.map(({ auditID }) => auditID).join("");

function collector() {
  const batches: AuditEvent[][] = [];
  const backend: AuditBackend = {
    name: "log",
    process: (events) => void batches.push([...events]),
    close: async () => {},
  };
  return { batches, backend };
}

function effects() {
  const registry = metricsRegistry();
  return { clock: virtualClock(), logger: silentLogger, metrics: auditMetrics(registry), registry };
}

test("a full log file is put aside under its time, and only so many are kept", async () => {
  const path = join(directory, "a", "audit.log");
  const clock = virtualClock();
  const file = new RotatingFile(
    { path, maxBytes: 10, maxAgeDays: 0, maxBackups: 2, compress: false },
    { files: systemFiles, clock },
  );
  await file.open();
  for (const text of ["first..\n", "second.\n", "third..\n", "fourth.\n"]) {
    await file.write(text);
    await clock.advance(1000);
  }
  await file.close();
  assert.equal(await readFile(path, "utf8"), "fourth.\n");
  assert.deepEqual((await readdir(join(directory, "a"))).sort(), [
    "audit-2026-01-01T00-00-02.000.log",
    "audit-2026-01-01T00-00-03.000.log",
    "audit.log",
  ]);
});

test("files put aside are compressed, and removed when they are old", async () => {
  const path = join(directory, "b", "audit.log");
  const clock = virtualClock();
  const file = new RotatingFile(
    { path, maxBytes: 10, maxAgeDays: 1, maxBackups: 0, compress: true },
    { files: systemFiles, clock },
  );
  await file.write("first..\n");
  await file.write("second.\n");
  const [packed] = (await readdir(join(directory, "b"))).filter((name) => name.endsWith(".gz"));
  assert.equal(gunzipSync(await readFile(join(directory, "b", packed!))).toString(), "first..\n");
  await clock.advance(2 * 86_400_000);
  await file.write("third..\n");
  const kept = (await readdir(join(directory, "b"))).filter((name) => name !== "audit.log");
  assert.equal(kept.length, 1);
  assert.notEqual(kept[0], packed);
  await file.close();
});

test("lines written at once are kept in order, and a restart appends", async () => {
  const path = join(directory, "c.log");
  const open = () =>
    new RotatingFile(
      { path, maxBytes: 1000, maxAgeDays: 0, maxBackups: 0, compress: false },
      { files: systemFiles, clock: virtualClock() },
    );
  for (const round of ["x", "y"]) {
    const file = open();
    await file.open();
    await Promise.all(Array.from({ length: 5 }, (_, index) => file.write(`${round}${index}\n`)));
    await file.close();
  }
  assert.equal(await readFile(path, "utf8"), "x0\nx1\nx2\nx3\nx4\ny0\ny1\ny2\ny3\ny4\n");
});

test("batches go out when they are full, or have waited, and what is too much is lost and counted", async () => {
  const { batches, backend } = collector();
  const { registry, ...rest } = effects();
  const options = { bufferSize: 4, maxBatchSize: 3, maxBatchWaitMs: 1000, concurrent: false };
  const buffered = bufferedBackend(backend, options, rest);
  for (const id of "ab") buffered.process([event(id)]);
  await rest.clock.advance(999);
  assert.equal(batches.length, 0);
  await rest.clock.advance(1);
  assert.deepEqual(batches.map(ids), ["ab"]);
  buffered.process([..."cdefg"].map((id) => event(id)));
  await rest.clock.advance(0);
  assert.deepEqual(batches.map(ids), ["ab", "cde"]);
  assert.match(registry.render(), /apiserver_audit_error_total\{plugin="buffered"\} 1\n/);
  await buffered.close();
  assert.deepEqual(batches.map(ids), ["ab", "cde", "f"]);
});

test("a throttle holds batches back", async () => {
  const { batches, backend } = collector();
  const { registry: _, ...rest } = effects();
  const options = {
    bufferSize: 100,
    maxBatchSize: 1,
    maxBatchWaitMs: 0,
    throttle: { qps: 10, burst: 2 },
    concurrent: true,
  };
  const buffered = bufferedBackend(backend, options, rest);
  buffered.process([..."abcd"].map((id) => event(id)));
  await rest.clock.advance(0);
  assert.deepEqual(batches.map(ids), ["a", "b"]);
  await rest.clock.advance(100);
  assert.deepEqual(batches.map(ids), ["a", "b", "c"]);
  await rest.clock.advance(100);
  assert.deepEqual(batches.map(ids), ["a", "b", "c", "d"]);
});

test("big events lose their bodies, or are dropped", async () => {
  const { batches, backend } = collector();
  const { registry, logger, metrics } = effects();
  const truncating = truncatingBackend(backend, { maxEventBytes: 500, maxBatchBytes: 900 }, { logger, metrics });
  const object = { data: "x".repeat(1000) };
  await truncating.process([
    event("a", { requestObject: object }),
    event("b"),
    event("c"),
    event("d", { userAgent: "y".repeat(1000) }),
  ]);
  const [first] = batches[0]!;
  assert.equal(first!.requestObject, undefined);
  assert.deepEqual(first!.annotations, { "audit.k8s.io/truncated": "true" });
  assert.deepEqual(batches.map(ids), ["ab", "c"]);
  assert.match(registry.render(), /apiserver_audit_error_total\{plugin="truncate"\} 1\n/);
});

test("a webhook gets lists of events; a call that fails is repeated, each time after a longer wait", async () => {
  const clock = virtualClock();
  const calls: number[] = [];
  const bodies: { kind: string; items: AuditEvent[] }[] = [];
  let failures = 3;
  const caller: WebhookCaller = {
    async call(_config, body) {
      calls.push(clock.monotonic());
      if (failures-- > 0) throw new WebhookError("unreachable", "refused");
      bodies.push(body as (typeof bodies)[number]);
      return {};
    },
    close() {},
  };
  const options = { caller, config: { url: "https://sink" }, initialBackoffMs: 100, clock, random: seededRandom(1) };
  const backend = webhookBackend(options);
  const sent = backend.process([event("a"), event("b")]);
  await clock.advance(5000);
  await sent;
  assert.equal(bodies[0]!.kind, "EventList");
  assert.equal(ids(bodies[0]!.items), "ab");
  const waits = calls.slice(1).map((time, index) => time - calls[index]!);
  for (const [index, wait] of waits.entries()) {
    const least = 100 * 1.5 ** index;
    assert.ok(wait >= least - 1 && wait <= least * 1.2 + 1, `wait ${index} is ${wait}`);
  }
  failures = 100;
  const lost = assert.rejects(Promise.resolve(backend.process([event("c")])), /refused/);
  await clock.advance(60_000);
  await lost;
  assert.equal(calls.length, 4 + 5);
});

test("the legacy format is one line of quoted fields", () => {
  const line = legacyLine(
    event("id", { sourceIPs: ["10.0.0.1"], userAgent: "kubectl", responseStatus: { code: 200 }, objectRef: {} }),
  );
  assert.equal(
    line,
    '2026-01-01T00:00:00.000000Z AUDIT: id="id" stage="ResponseComplete" ip="10.0.0.1" method="list" user="jane" ' +
      'groups="\\"a\\",\\"b\\"" as="<self>" asgroups="<lookup>" user-agent="kubectl" namespace="<none>" ' +
      'uri="/api/v1/pods" response="200"\n',
  );
});
