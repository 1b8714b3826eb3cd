import { formatDuration } from "../../api/duration.ts";
import { parseImageReference } from "../../api/image-reference.ts";
import type { Pod, Secret } from "../../api/types/core.v1.ts";
import type { Clock } from "../../base/clock.ts";
import type { EventRecorder } from "../../client/event-recorder.ts";
import { backoff } from "../plan/backoff.ts";
import { type AnyContainer, containerReference, podUid } from "../pod/pod.ts";
import type { Image, Runtime } from "../runtime.ts";
import { credentialsFor } from "./pull-secrets.ts";

/** Why a container's image is not to be had: `reason` is what the container's status waits with. */
export class ImageError extends Error {
  readonly reason: "InvalidImageName" | "ImageInspectError" | "ErrImageNeverPull" | "ErrImagePull" | "ImagePullBackOff";
  /** Wall time in ms before which trying again is of no use. */
  readonly retryAt: number | undefined;
  constructor(reason: ImageError["reason"], message: string, retryAt?: number) {
    super(message);
    this.name = "ImageError";
    this.reason = reason;
    this.retryAt = retryAt;
  }
}

export interface ImageManager {
  /**
   * The image of the container, pulled where its policy asks for that. `secrets` is called only before a pull. `found`
   * is what the runtime said of the image a moment ago, where somebody asked already. Rejects with an ImageError.
   */
  ensure(
    pod: Pod,
    container: AnyContainer,
    secrets: () => Promise<readonly Secret[]>,
    found?: Promise<Image | undefined>,
  ): Promise<Image>;
  /** Asks the runtime for the image, so that `ensure` need not wait for the answer; never rejects by itself. */
  look(container: AnyContainer): Promise<Image | undefined> | undefined;
  /** Forgets the back-off of a pod that is gone. */
  forgetPod(podUid: string): void;
}

export interface ImageManagerOptions {
  runtime: Runtime;
  clock: Clock;
  events: EventRecorder;
  /** How many pulls may run at once; upstream's default is one (serializeImagePulls). */
  maxParallelPulls: number;
}

export function imageManager(options: ImageManagerOptions): ImageManager {
  const { runtime, clock, events } = options;
  const delays = backoff(clock);
  /** The last failure of a pull, for the text of ImagePullBackOff; same keys as `delays`. */
  const failures = new Map<string, { message: string; at: number }>();
  const limit = gate(options.maxParallelPulls);

  const pull = async (
    pod: Pod,
    container: AnyContainer,
    image: string,
    secrets: () => Promise<readonly Secret[]>,
  ): Promise<Image> => {
    const key = `${podUid(pod)}_${container.image}`;
    const about = containerReference(pod, container.name);
    const failed = failures.get(key);
    const waiting = failed && delays.waitUntil(key, failed.at, clock.now());
    if (waiting) {
      const text = `Back-off pulling image "${container.image}"`;
      events.event(about, "Normal", "BackOff", text);
      throw new ImageError("ImagePullBackOff", `${text}: ErrImagePull: ${failed.message}`, waiting.until);
    }
    events.event(about, "Normal", "Pulling", `Pulling image "${container.image}"`);
    const asked = clock.monotonic();
    try {
      const credentials = credentialsFor(image, await secrets());
      return await limit(async () => {
        const begun = clock.monotonic();
        const reference = await pullWith(image, credentials);
        const pulled = await runtime.imageStatus(reference);
        if (!pulled) throw new Error(`the runtime pulled ${image} but does not have it`);
        const end = clock.monotonic();
        events.event(
          about,
          "Normal",
          "Pulled",
          `Successfully pulled image "${container.image}" in ${duration(end - begun)} (${duration(end - asked)} including waiting). Image size: ${pulled.sizeBytes} bytes.`,
        );
        failures.delete(key);
        return pulled;
      });
    } catch (error) {
      const message = (error as Error).message;
      events.event(about, "Warning", "Failed", `Failed to pull image "${container.image}": ${message}`);
      const at = clock.now();
      delays.next(key, at);
      failures.set(key, { message, at });
      throw new ImageError("ErrImagePull", message);
    }
  };

  const pullWith = async (image: string, credentials: ReturnType<typeof credentialsFor>): Promise<string> => {
    if (credentials.length === 0) return runtime.pullImage(image);
    const errors: Error[] = [];
    for (const auth of credentials) {
      try {
        return await runtime.pullImage(image, auth);
      } catch (error) {
        errors.push(error as Error);
      }
    }
    throw errors.length === 1 ? errors[0]! : new Error(`[${errors.map((error) => error.message).join(", ")}]`);
  };

  return {
    look(container) {
      let image: string;
      try {
        image = withDefaultTag(container.image ?? "");
      } catch {
        return undefined; // `ensure` says what is wrong with the name.
      }
      const found = runtime.imageStatus(image);
      found.catch(() => {}); // Whoever awaits it hears of it.
      return found;
    },
    async ensure(pod, container, secrets, found) {
      const about = containerReference(pod, container.name);
      let image: string;
      try {
        image = withDefaultTag(container.image ?? "");
      } catch (error) {
        const message = `Failed to apply default image tag "${container.image}": ${(error as Error).message}`;
        events.event(about, "Warning", "InspectFailed", message);
        throw new ImageError("InvalidImageName", message);
      }
      let present: Image | undefined;
      try {
        present = await (found ?? runtime.imageStatus(image));
      } catch (error) {
        const message = `Failed to inspect image "${container.image}": ${(error as Error).message}`;
        events.event(about, "Warning", "InspectFailed", message);
        throw new ImageError("ImageInspectError", message);
      }
      const policy = container.imagePullPolicy ?? "IfNotPresent";
      if (policy === "Always" || (policy === "IfNotPresent" && !present)) return pull(pod, container, image, secrets);
      if (!present) {
        const message = `Container image "${container.image}" is not present with pull policy of Never`;
        events.event(about, "Warning", "ErrImageNeverPull", message);
        throw new ImageError("ErrImageNeverPull", message);
      }
      events.event(
        about,
        "Normal",
        "Pulled",
        `Container image "${container.image}" already present on machine and can be accessed by the pod`,
      );
      return present;
    },
    forgetPod(uid) {
      delays.forget(`${uid}_`);
      for (const key of failures.keys()) if (key.startsWith(`${uid}_`)) failures.delete(key);
    },
  };
}

/** The name with `:latest` where it has neither tag nor digest; nothing else is changed. Throws where it is no name. */
export function withDefaultTag(name: string): string {
  const { digest } = parseImageReference(name);
  const tagged = name.lastIndexOf(":") > name.lastIndexOf("/");
  return tagged || digest !== undefined ? name : `${name}:latest`;
}

const duration = (ms: number) => formatDuration(Math.round(ms));

/** Runs at most `limit` tasks at once, in the order they came. */
function gate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (running >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await task();
    } finally {
      // The place is handed over rather than given back, so that nobody slips in between.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
