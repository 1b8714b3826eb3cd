import type { Clock } from "../../base/clock.ts";
import type { PathRoute } from "../generic-paths.ts";
import { textReply } from "../http/status-reply.ts";
import type { FlowControl } from "./flow-control.ts";
import type { Ticket } from "./ticket.ts";

const PATH = "/debug/api_priority_and_fairness";
const NONE = "<none>";

/** Upstream's tables of levels, queues and waiting requests, for people who look for the cause of a congestion. */
export function dumpRoutes(control: FlowControl, clock: Clock): PathRoute[] {
  const reply = (rows: readonly (readonly string[])[]) => textReply(200, table(rows));
  return [
    { path: `${PATH}/dump_priority_levels`, unlisted: true, serve: async () => reply(levelRows(control)) },
    { path: `${PATH}/dump_queues`, unlisted: true, serve: async () => reply(queueRows(control)) },
    {
      path: `${PATH}/dump_requests`,
      unlisted: true,
      serve: async ({ request }) =>
        reply(requestRows(control, clock, (request.query.get("includeRequestDetails") ?? "") !== "")),
    },
  ];
}

function levelRows(control: FlowControl): string[][] {
  const rows = [
    [
      "PriorityLevelName",
      "ActiveQueues",
      "IsIdle",
      "IsQuiescing",
      "WaitingRequests",
      "ExecutingRequests",
      "DispatchedRequests",
      "RejectedRequests",
      "TimedoutRequests",
      "CancelledRequests",
    ],
  ];
  for (const { name, queueSet, quiescing, exempt } of control.levels.values()) {
    const active = queueSet.queues.filter(({ waiting }) => waiting.length > 0).length;
    const { dispatched, rejected, timedOut, cancelled } = queueSet.totals;
    const numbers = [queueSet.waiting, queueSet.executing, dispatched, rejected, timedOut, cancelled];
    rows.push([name, exempt ? NONE : String(active), String(queueSet.idle), String(quiescing), ...numbers.map(String)]);
  }
  return rows;
}

function queueRows(control: FlowControl): string[][] {
  const rows = [
    [
      "PriorityLevelName",
      "Index",
      "PendingRequests",
      "ExecutingRequests",
      "SeatsInUse",
      "NextDispatchR",
      "InitialSeatsSum",
      "MaxSeatsSum",
      "TotalWorkSum",
    ],
  ];
  for (const { name, queueSet } of control.levels.values()) {
    if (queueSet.queues.length === 0) rows.push([name, ...Array<string>(8).fill(NONE)]);
    for (const queue of queueSet.queues) {
      const initial = queue.waiting.reduce((sum, { request }) => sum + request.work.initialSeats, 0);
      rows.push([
        name,
        String(queue.index),
        String(queue.waiting.length),
        String(queue.executing),
        String(queue.seatsInUse),
        seatSeconds(queue.nextR),
        String(initial),
        String(queue.waitingSeats),
        seatSeconds(queue.waitingWork),
      ]);
    }
  }
  return rows;
}

function requestRows(control: FlowControl, clock: Clock, details: boolean): string[][] {
  const header = [
    "PriorityLevelName",
    "FlowSchemaName",
    "QueueIndex",
    "RequestIndexInQueue",
    "FlowDistingsher",
    "ArriveTime",
    "InitialSeats",
    "FinalSeats",
    "AdditionalLatency",
    "StartTime",
  ];
  const more = ["UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource"];
  const rows = [details ? [...header, ...more] : header];
  const offset = clock.now() - clock.monotonic();
  const time = (monotonic: number) => new Date(offset + monotonic).toISOString();
  for (const { name, queueSet } of control.levels.values()) {
    const add = (ticket: Ticket, indexInQueue: number) => {
      const { request, arrivedAt, startedAt, queue } = ticket;
      const { info, user, work } = request;
      const row = [name, request.schema, String(queue?.index ?? -1), String(indexInQueue), request.distinguisher];
      row.push(time(arrivedAt), String(work.initialSeats), String(work.finalSeats), `${work.lingerMs}ms`);
      row.push(ticket.state === "waiting" ? NONE : time(startedAt));
      if (details) {
        const { group, version } = info;
        row.push(user.name, info.verb, info.path, info.namespace, info.name);
        row.push(group ? `${group}/${version}` : version, info.resource, info.subresource);
      }
      rows.push(row);
    };
    for (const { waiting } of queueSet.queues) for (const [index, ticket] of waiting.entries()) add(ticket, index);
    for (const ticket of queueSet.running) add(ticket, -1);
  }
  return rows;
}

const seatSeconds = (seatMs: number) => `${(seatMs / 1000).toFixed(8)}ss`;

/** Comma-separated, padded to columns. */
function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 8, cell.length + 2);
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : `${cell},`.padEnd(widths[column]!))).join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
