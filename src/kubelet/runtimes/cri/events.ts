import { type Clock, sleep } from "../../../base/clock.ts";
import type { GrpcChannel, GrpcMethod } from "../../../base/grpc.ts";
import type { Logger } from "../../../base/logger.ts";
import { type Decode, type Encode, protobufSchema, type SchemaSource } from "../../../base/protobuf-schema.ts";

const messages = {
  messages: {
    Any: { typeUrl: "1 string", value: "2 bytes" },
    Envelope: { namespace: "2 string", topic: "3 string", event: "4 Any" },
    SubscribeRequest: { filters: "1 repeated string" },
    TaskExit: { containerId: "1 string", id: "2 string" },
    TaskOom: { containerId: "1 string" },
    PublishRequest: { topic: "1 string", event: "2 Any" },
    Empty: {},
  },
} as const satisfies SchemaSource;
const schema = protobufSchema(messages);
const subscribe: GrpcMethod<Encode<typeof messages, "SubscribeRequest">, Decode<typeof messages, "Envelope">> = {
  path: "/containerd.services.events.v1.Events/Subscribe",
  request: schema.codec("SubscribeRequest"),
  response: schema.codec("Envelope"),
};
const publish: GrpcMethod<Encode<typeof messages, "PublishRequest">, Decode<typeof messages, "Empty">> = {
  path: "/containerd.services.events.v1.Events/Publish",
  request: schema.codec("PublishRequest"),
  response: schema.codec("Empty"),
};

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** The pause before a greeting that did not come back is sent again. */
const GREETING_MS = 20;
let subscriptions = 0;

/**
 * Follows the ends of tasks by containerd's own event service, which every version has (CRI's GetContainerEvents came
 * with 1.7). Calls `onEnd` with the id of the container or sandbox; CRI may take some more milliseconds to know of it.
 * A broken connection is made again. `onGap` is called whenever a subscription holds, the first included, since events
 * before that have not been seen. Runs until aborted.
 */
export async function followTaskEnds(options: {
  channel: GrpcChannel;
  clock: Clock;
  logger: Logger;
  signal: AbortSignal;
  onEnd(id: string): void;
  onGap(): void;
}): Promise<void> {
  const { channel, clock, logger, signal } = options;
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    // The server doesn't say when it has subscribed us; an event of our own that comes back does.
    const greeting = `/knarr/subscribed/${process.pid}-${++subscriptions}`;
    const topics = ["/tasks/exit", "/tasks/oom", greeting];
    const filters = topics.map((topic) => `namespace==k8s.io,topic=="${topic}"`);
    const greeted = new AbortController();
    const greet = async () => {
      const until = AbortSignal.any([signal, greeted.signal]);
      const metadata = { "containerd-namespace": "k8s.io" };
      const event = { typeUrl: "knarr/subscribed", value: new Uint8Array() };
      for (let wait = GREETING_MS; !until.aborted; wait *= 2) {
        await channel.unary(publish, { topic: greeting, event }, { signal: until, metadata, timeoutMs: 10_000 });
        await sleep(clock, wait, until);
      }
    };
    greet().catch((error) => {
      if (!signal.aborted && !greeted.signal.aborted) logger.debug("the runtime's events can't be tested", { error });
    });
    try {
      for await (const { topic, event } of channel.serverStream(subscribe, { filters }, { signal })) {
        pause = FIRST_PAUSE_MS;
        if (topic === greeting) {
          if (!greeted.signal.aborted) options.onGap();
          greeted.abort();
        } else if (!event) continue;
        else if (topic === "/tasks/oom") options.onEnd(schema.codec("TaskOom").decode(event.value).containerId);
        else {
          const { containerId, id } = schema.codec("TaskExit").decode(event.value);
          // The end of a command that was run in a container has an id of its own.
          if (id === containerId) options.onEnd(containerId);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.debug("the runtime's events broke off", { error });
    } finally {
      greeted.abort();
    }
    await sleep(clock, pause, signal).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}
