import { StatusError } from "../api/status-error.ts";
import { requestInfo } from "../apiserver/request-info.ts";
import type { Clock } from "../base/clock.ts";
import { sleep } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { ConnectionError } from "../client/client.ts";
import type { Transport, TransportRequest, TransportResponse } from "../client/transport.ts";
import type { Activity } from "./activity.ts";
import { type Duration, milliseconds } from "./durations.ts";

/** Which requests; what is absent matches all. */
export interface RequestMatch {
  /** The user agent: `kube-scheduler`, `kube-controller-manager/deployment-controller`, `kubelet`, `test`. */
  readonly caller?: string | RegExp;
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; several are alternatives. */
  readonly verb?: string | readonly string[];
  /** The plural: `pods`. */
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string | RegExp;
}

export interface FaultOptions {
  /** How many requests it meets; then it is over. Default: all until it is lifted. */
  readonly times?: number;
  /** The share of matching requests that it meets, drawn from the cluster's seed. Default 1. */
  readonly probability?: number;
}

export interface Fault {
  /** How many requests it has met. */
  readonly met: number;
  lift(): void;
}

/** Things that go wrong between the components and the API server of one cluster. */
export interface Faults {
  /** Answers requests with an error instead of carrying them out. Default: 500 InternalError. */
  fail(match: RequestMatch, options?: FaultOptions & { code?: number; reason?: string; message?: string }): Fault;
  /** Carries requests out only after so long. */
  delay(match: RequestMatch, by: Duration, options?: FaultOptions & { jitter?: Duration }): Fault;
  /** Gives no answer: the request is lost before it is carried out, or its answer afterwards. Default: before. */
  drop(match: RequestMatch, options?: FaultOptions & { when?: "before" | "after" }): Fault;
  /** Breaks running watches off. Returns how many. */
  cutWatches(match?: RequestMatch): number;
  /** Forgets the history: whoever resumes a watch or a paged list gets 410 Gone. */
  expireHistory(): Promise<void>;
  /** Lifts all. */
  clear(): void;
}

type Effect = (send: () => Promise<TransportResponse>, request: TransportRequest) => Promise<TransportResponse>;

interface Rule {
  readonly match: RequestMatch;
  readonly probability: number;
  left: number;
  met: number;
  readonly effect: Effect;
}

interface OpenWatch {
  readonly request: TransportRequest;
  readonly caller: string;
  cut(): void;
}

export interface FaultsOptions {
  clock: Clock;
  random: Random;
  activity: Activity;
  /** Drops the store's history. */
  expireHistory(): Promise<void>;
}

/** The faults of one cluster, and what puts them between a caller and the server. */
export function faults(options: FaultsOptions): Faults & { between(transport: Transport, caller: string): Transport } {
  const { clock, random, activity } = options;
  const rules = new Set<Rule>();
  const watches = new Set<OpenWatch>();

  const add = (match: RequestMatch, given: FaultOptions, effect: Effect): Fault => {
    const { times = Number.POSITIVE_INFINITY, probability = 1 } = given;
    const rule: Rule = { match, probability, left: times, met: 0, effect };
    rules.add(rule);
    return {
      get met() {
        return rule.met;
      },
      lift: () => void rules.delete(rule),
    };
  };
  const applying = (request: TransportRequest, caller: string): Rule[] =>
    [...rules].filter((rule) => {
      if (!matches(rule.match, request, caller)) return false;
      if (rule.probability < 1 && random.next() >= rule.probability) return false;
      rule.met++;
      if (--rule.left <= 0) rules.delete(rule);
      return true;
    });

  return {
    fail: (match, given = {}) => {
      const { code = 500, reason = "InternalError", message = "Internal error occurred: injected fault" } = given;
      return add(match, given, async () => refusal(code, reason, message));
    },
    delay: (match, by, given = {}) => {
      const [least, jitter] = [milliseconds(by), milliseconds(given.jitter ?? 0)];
      return add(match, given, async (send, { signal }) => {
        await activity.held(sleep(clock, least + random.next() * jitter, signal));
        return send();
      });
    },
    drop: (match, { when = "before", ...given } = {}) =>
      add(match, given, async (send, request) => {
        // A watch has no end to be waited for.
        if (when === "after" && describe(request).verb !== "watch") await drained(await send());
        throw new ConnectionError("injected fault: the connection was lost");
      }),
    cutWatches: (match = {}) => {
      const cut = [...watches].filter(({ request, caller }) => matches(match, request, caller));
      for (const watch of cut) watch.cut();
      return cut.length;
    },
    expireHistory: options.expireHistory,
    clear: () => rules.clear(),
    between: (transport, caller) => ({
      async request(request) {
        const send = async () => {
          const response = await transport.request(request);
          return describe(request).verb === "watch" ? cuttable(response, request, caller, watches) : response;
        };
        const effects = rules.size === 0 ? [] : applying(request, caller);
        return effects.reduceRight<() => Promise<TransportResponse>>(
          (next, { effect }) =>
            () =>
              effect(next, request),
          send,
        )();
      },
      close: () => transport.close(),
    }),
  };
}

function describe(request: TransportRequest) {
  const { pathname, searchParams } = new URL(request.path, "http://cluster");
  return requestInfo({ method: request.method, path: pathname, query: searchParams });
}

function matches(match: RequestMatch, request: TransportRequest, caller: string): boolean {
  if (match.caller !== undefined && !agrees(match.caller, caller)) return false;
  const { verb, resource, subresource, namespace, name } = describe(request);
  return (
    (match.verb === undefined || [match.verb].flat().includes(verb)) &&
    (match.resource === undefined || match.resource === resource) &&
    (match.subresource === undefined || match.subresource === subresource) &&
    (match.namespace === undefined || match.namespace === namespace) &&
    (match.name === undefined || agrees(match.name, name))
  );
}

const agrees = (wanted: string | RegExp, actual: string): boolean =>
  typeof wanted === "string" ? wanted === actual : wanted.test(actual);

function refusal(code: number, reason: string, message: string): TransportResponse {
  const { status } = new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    code,
  });
  const body = Buffer.from(JSON.stringify(status));
  return {
    status: code,
    headers: { "content-type": "application/json" },
    body: (async function* () {
      yield body;
    })(),
  };
}

async function drained(response: TransportResponse): Promise<void> {
  for await (const _ of response.body);
}

/** A watch's answer that can be broken off from outside. */
function cuttable(
  response: TransportResponse,
  request: TransportRequest,
  caller: string,
  watches: Set<OpenWatch>,
): TransportResponse {
  let cut = false;
  let reject: ((error: Error) => void) | undefined;
  const error = () => new ConnectionError("injected fault: the watch was cut");
  const watch: OpenWatch = {
    request,
    caller,
    cut() {
      cut = true;
      reject?.(error());
    },
  };
  watches.add(watch);
  const source = response.body[Symbol.asyncIterator]();
  // No race with one lasting promise: it would collect a reaction for each event.
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, fail) => {
      reject = fail;
      source.next().then(resolve, fail);
    });
  return {
    ...response,
    body: (async function* () {
      try {
        for (;;) {
          if (cut) throw error();
          const step = await next();
          if (step.done) return;
          yield step.value;
        }
      } finally {
        watches.delete(watch);
        // Not waited for: a source that nothing comes from would not end before something does.
        source.return?.()?.catch(() => {});
      }
    })(),
  };
}
