import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsRegistry } from "../../base/metrics.ts";
import { virtualClock } from "../../base/virtual-clock.ts";
import { requestInfo } from "../request-info.ts";
import { FlowControlMetrics } from "./metrics.ts";
import { QueueSet, type Queuing } from "./queue-set.ts";
import { SeatDemand } from "./seat-demand.ts";
import { dealHand, hashFlow } from "./shuffle-sharding.ts";
import type { Ticket } from "./ticket.ts";
import type { WorkEstimate } from "./work-estimate.ts";

const ONE: WorkEstimate = { initialSeats: 1, finalSeats: 0, lingerMs: 0 };
const info = requestInfo({ method: "GET", path: "/api/v1/pods", query: new URLSearchParams() });
const never = new AbortController().signal;

function level(queuing: Queuing, limit: number) {
  const clock = virtualClock();
  const registry = metricsRegistry();
  const metrics = new FlowControlMetrics(registry, clock).level("level");
  let idles = 0;
  const set = new QueueSet({ clock, metrics, demand: new SeatDemand(clock.monotonic()), onIdle: () => idles++ });
  set.configure(queuing, limit, limit);
  const start = (user: string, work: WorkEstimate = ONE): Ticket =>
    set.start({
      schema: "schema",
      distinguisher: user,
      info,
      user: { name: user, groups: [] },
      work,
      metrics: metrics.flow("schema"),
    });
  return { clock, registry, set, start, idles: () => idles };
}

const states = (tickets: readonly Ticket[]) => tickets.map(({ state }) => state).join(" ");

test("an exempt level executes whatever comes", () => {
  const { start, set } = level({ mode: "exempt" }, 0);
  const tickets = Array.from({ length: 50 }, () => start("a"));
  assert.ok(tickets.every(({ state }) => state === "executing"));
  for (const ticket of tickets) set.finish(ticket);
  assert.equal(set.idle, true);
  assert.equal(set.seatsInUse, 0);
});

test("without queues, requests beyond the limit are refused", () => {
  const { start, set, registry } = level({ mode: "reject" }, 2);
  const tickets = [start("a"), start("b"), start("c")];
  assert.equal(states(tickets), "executing executing refused");
  assert.equal(tickets[2]!.refusal, "concurrency-limit");
  set.finish(tickets[0]!);
  assert.equal(start("c").state, "executing");
  assert.match(registry.render(), /rejected_requests_total\{.*reason="concurrency-limit"\} 1\n/);
});

test("requests beyond the limit wait; a full queue refuses", async () => {
  const { start, set } = level({ mode: "queue", queues: 1, handSize: 1, queueLengthLimit: 2 }, 1);
  const tickets = [start("a"), start("a"), start("a"), start("a")];
  assert.equal(states(tickets), "executing waiting waiting refused");
  assert.equal(tickets[3]!.refusal, "queue-full");
  const second = set.wait(tickets[1]!, 1000, never);
  set.finish(tickets[0]!);
  assert.equal(await second, true);
  assert.equal(states(tickets), "finished executing waiting refused");
});

test("who waits too long, or leaves, is refused and makes room", async () => {
  const { start, set, clock } = level({ mode: "queue", queues: 1, handSize: 1, queueLengthLimit: 2 }, 1);
  const running = start("a");
  const [late, gone] = [start("a"), start("a")];
  const leaving = new AbortController();
  const waits = [set.wait(late, 100, never), set.wait(gone, 1000, leaving.signal)];
  leaving.abort();
  assert.equal(await waits[1], false);
  assert.equal(gone.refusal, "cancelled");
  await clock.advance(100);
  assert.equal(await waits[0], false);
  assert.equal(late.refusal, "time-out");
  assert.deepEqual([set.waiting, set.executing], [0, 1]);
  set.finish(running);
  assert.equal(set.idle, true);
});

test("a heavy flow gets no more than its share while others wait", async () => {
  const { start, set, clock } = level({ mode: "queue", queues: 64, handSize: 6, queueLengthLimit: 50 }, 4);
  const waiting = new Map<Ticket, string>();
  const running: Ticket[] = [];
  const add = (user: string) => {
    const ticket = start(user);
    if (ticket.state === "executing") running.push(ticket);
    else if (ticket.state === "waiting") waiting.set(ticket, user);
    return ticket;
  };
  for (let index = 0; index < 300; index++) add("elephant");
  for (let index = 0; index < 10; index++) add("mouse");
  let finishedMice = 0;
  let rounds = 0;
  while (finishedMice < 10) {
    rounds++;
    await clock.advance(3);
    for (const ticket of running.splice(0)) set.finish(ticket);
    for (const [ticket, user] of waiting) {
      if (ticket.state !== "executing") continue;
      waiting.delete(ticket);
      running.push(ticket);
      if (user === "mouse") finishedMice++;
    }
    assert.ok(rounds < 40, "the mouse starves");
  }
  // Ten requests of 310, where a queue gets one of up to seven turns: not after the elephant's 300.
  assert.ok(waiting.size > 150, `${waiting.size} of the elephant's requests were left`);
});

test("wide requests take many seats, and those wider than the level go alone", () => {
  const { start, set } = level({ mode: "queue", queues: 8, handSize: 2, queueLengthLimit: 10 }, 5);
  const wide = start("a", { initialSeats: 4, finalSeats: 0, lingerMs: 0 });
  const second = start("b", { initialSeats: 2, finalSeats: 0, lingerMs: 0 });
  assert.equal(states([wide, second]), "executing waiting");
  set.finish(wide);
  assert.equal(second.state, "executing");
  const huge = start("c", { initialSeats: 9, finalSeats: 0, lingerMs: 0 });
  assert.equal(huge.state, "waiting");
  set.finish(second);
  assert.equal(huge.state, "executing");
});

test("a write lingers on its seats for its watchers", async () => {
  const { start, set, clock } = level({ mode: "queue", queues: 8, handSize: 2, queueLengthLimit: 10 }, 3);
  const write = start("a", { initialSeats: 1, finalSeats: 3, lingerMs: 5 });
  set.finish(write);
  assert.deepEqual([set.executing, set.seatsInUse], [0, 3]);
  const next = start("b");
  assert.equal(next.state, "waiting");
  await clock.advance(5);
  assert.equal(next.state, "executing");
  assert.equal(set.seatsInUse, 1);
});

test("a lower limit lets what runs finish; a higher one starts more; fewer queues drain", () => {
  const { start, set } = level({ mode: "queue", queues: 4, handSize: 1, queueLengthLimit: 10 }, 1);
  const tickets = ["a", "b", "c", "d", "e"].map((user) => start(user));
  set.configure({ mode: "queue", queues: 1, handSize: 1, queueLengthLimit: 10 }, 3, 3);
  assert.equal(set.executing, 3);
  set.configure({ mode: "queue", queues: 1, handSize: 1, queueLengthLimit: 10 }, 1, 1);
  for (let round = 0; round < 5; round++) for (const ticket of tickets) set.finish(ticket);
  assert.ok(tickets.every(({ state }) => state === "finished"));
  assert.equal(set.queues.length, 1);
});

test("hands are dealt from the hash, without repeats, each queue equally often", () => {
  assert.deepEqual(dealHand(0n, 8, 3), [0, 1, 2]);
  // 8·7·6 = 336 hands: 335 is the last of them.
  assert.deepEqual(dealHand(335n, 8, 3), [7, 6, 5]);
  const counts = new Array<number>(16).fill(0);
  for (let flow = 0; flow < 2000; flow++) {
    const hand = dealHand(hashFlow("schema", `user-${flow}`), 16, 4);
    assert.equal(new Set(hand).size, 4);
    for (const queue of hand) counts[queue]!++;
  }
  for (const count of counts) assert.ok(count > 400 && count < 600, `${count} of 500`);
  assert.notEqual(hashFlow("a", "bc"), hashFlow("ab", "c"));
});
