import type { KubeObject } from "../api/object.ts";
import { events } from "../api/resource-types.ts";
import { isNotFound, StatusError } from "../api/status-error.ts";
import type { Event, ObjectReference } from "../api/types/core.v1.ts";
import { type Clock, sleep } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Random } from "../base/random.ts";
import type { Client } from "./client.ts";
import { eventCorrelator, recentlyUsed } from "./event-correlation.ts";
import type { EventRecorder } from "./event-recorder.ts";
import { time } from "./timestamps.ts";

export interface EventRecorderOptions {
  client: Client;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** `source.component` and `reportingComponent`: `kubelet`, `deployment-controller`. */
  component: string;
  /** The node, where the component has one. */
  host?: string;
  /** Ends the retries; events recorded afterwards are dropped. */
  signal?: AbortSignal;
}

const LONGEST_MESSAGE = 1024;
const LONGEST_NAME = 253;
/** Events waiting to be written beyond this number are dropped, as upstream's broadcaster does. */
const LONGEST_QUEUE = 1000;
const REMEMBERED = 4096;
/** How often and at which distance an event is tried again while the server can't be reached. */
const TRIES = 12;
const RETRY_MS = 10_000;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

interface Written {
  name: string;
  count: number;
}

/** An EventRecorder that writes core/v1 Events, one after another. */
export function eventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, clock, random, logger, component, host, signal } = options;
  const resource = client.resource(events);
  const correlate = eventCorrelator(clock);
  const written = recentlyUsed<Written>(REMEMBERED);
  let queued = 0;
  let tail: Promise<void> = Promise.resolve();

  const create = async (event: Event, key: string, count: number) => {
    const created = await resource.create({ ...event, count }, { signal });
    written.set(key, { name: created.metadata.name ?? "", count });
  };
  const write = async (event: Event, key: string) => {
    const known = written.get(key);
    if (!known) return create(event, key, 1);
    const { message, lastTimestamp } = event;
    const count = known.count + 1;
    try {
      await resource.patch(
        known.name,
        event.metadata.namespace,
        "strategic",
        { count, message, lastTimestamp },
        { signal },
      );
      written.set(key, { name: known.name, count });
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // It has expired meanwhile.
      await create(event, key, count);
    }
  };
  const writePersistently = async (event: Event, key: string) => {
    for (let tries = 1; !signal?.aborted; tries++) {
      try {
        return await write(event, key);
      } catch (error) {
        const fields = { reason: event.reason, object: event.involvedObject.name, error };
        if (signal?.aborted) return;
        if (error instanceof StatusError && error.code < 500 && error.code !== 429) {
          // A namespace being deleted takes no events: nothing to worry about.
          if (error.status.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating")) return;
          return logger.warn("event rejected", fields);
        }
        if (tries >= TRIES) return logger.warn("event given up", fields);
        await sleep(clock, RETRY_MS * (tries === 1 ? random.next() : 1), signal).catch(() => {});
      }
    }
  };

  return {
    event(about, type, reason, text) {
      if (signal?.aborted) return;
      const involvedObject = referenceOf(about);
      const message = clip(text);
      // Not the resource version: an object that changes meanwhile is still the same.
      const { kind, namespace, name, fieldPath, uid, apiVersion } = involvedObject;
      const subject = [component, host, kind, namespace, name, fieldPath, uid, apiVersion].join("\n");
      const correlation = correlate({ subject, similarity: `${type}\n${reason}`, message });
      if (!correlation) return;
      if (queued >= LONGEST_QUEUE) return logger.warn("too many events are waiting, one is dropped", { reason });
      const now = clock.now();
      const timestamp = time(now);
      const event: Event = {
        apiVersion: "v1",
        kind: "Event",
        metadata: {
          name: eventName(involvedObject.name ?? "", now, random),
          namespace: involvedObject.namespace || "default",
        },
        involvedObject,
        reason,
        message: clip(correlation.message),
        source: host ? { component, host } : { component },
        firstTimestamp: timestamp,
        lastTimestamp: timestamp,
        type,
        reportingComponent: component,
        reportingInstance: host ?? "",
      };
      queued++;
      tail = tail.then(() => writePersistently(event, correlation.key)).finally(() => queued--);
    },
    flush: () => tail,
  };
}

/** A reference to an object, or the reference itself; what both have in common is copied. */
export function referenceOf(about: KubeObject | ObjectReference): ObjectReference {
  if (!("metadata" in about)) return about as ObjectReference;
  const { apiVersion, kind, metadata } = about;
  const { namespace, name, uid, resourceVersion } = metadata ?? {};
  return { kind, ...(namespace ? { namespace } : {}), name, uid, apiVersion, resourceVersion };
}

/** `<object>.<nanoseconds in hex>`; the part below a millisecond is random, so that two recorders do not collide. */
function eventName(object: string, now: number, random: Random): string {
  const nanoseconds = BigInt(Math.trunc(now)) * 1_000_000n + BigInt(Math.floor(random.next() * 1_000_000));
  const name = `${object}.${nanoseconds.toString(16)}`;
  return name.length <= LONGEST_NAME && SUBDOMAIN.test(name) ? name : random.uuid();
}

const clip = (message: string): string =>
  message.length > LONGEST_MESSAGE ? message.slice(0, LONGEST_MESSAGE) : message;
