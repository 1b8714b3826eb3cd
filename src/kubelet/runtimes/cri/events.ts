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
  },
} as const satisfies SchemaSource;
const schema = protobufSchema(messages);
const subscribe: GrpcMethod<Encode<typeof messages, "SubscribeRequest">, Decode<typeof messages, "Envelope">> = {
  path: "/containerd.services.events.v1.Events/Subscribe",
  request: schema.codec("SubscribeRequest"),
  response: schema.codec("Envelope"),
};

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Follows the ends of tasks by containerd's own event service, which every version has (CRI's GetContainerEvents came
 * with 1.7). Calls `onEnd` with the id of the container or sandbox; CRI may take some more milliseconds to know of it.
 * A broken connection is made again; `onGap` is called then, since events may have been missed. Runs until aborted.
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
  const filters = ["/tasks/exit", "/tasks/oom"].map((topic) => `namespace==k8s.io,topic=="${topic}"`);
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      for await (const { topic, event } of channel.serverStream(subscribe, { filters }, { signal })) {
        pause = FIRST_PAUSE_MS;
        if (!event) continue;
        if (topic === "/tasks/oom") options.onEnd(schema.codec("TaskOom").decode(event.value).containerId);
        else {
          const { containerId, id } = schema.codec("TaskExit").decode(event.value);
          // The end of a command that was run in a container has an id of its own.
          if (id === containerId) options.onEnd(containerId);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.debug("the runtime's events broke off", { error });
    }
    await sleep(clock, pause, signal).catch(() => {});
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    if (!signal.aborted) options.onGap();
  }
}
