import type { ContainerStatus, PodStatus } from "../../api/types/core.v1.ts";
import type { LogSelection } from "./log-file.ts";
import { RequestError } from "./request-target.ts";

/** Reads the query of `/containerLogs` (the fields of PodLogOptions). Throws a RequestError where it can't be. */
export function logQuery(query: URLSearchParams, now: number): LogSelection & { previous: boolean } {
  const number = (name: string, least: number): number | undefined => {
    const text = query.get(name);
    if (text === null || text === "") return undefined;
    if (!/^-?\d+$/.test(text)) throw new RequestError(400, '{"message": "Unable to decode query."}');
    const value = Number(text);
    if (value < least) throw new RequestError(422, '{"message": "Invalid request."}');
    return value;
  };
  const flag = (name: string): boolean => {
    const text = query.get(name);
    return text !== null && !["false", "0"].includes(text.toLowerCase());
  };
  // The older name of tailLines, where "all" is the same as leaving it out.
  const tail = query.get("tail");
  if (tail === "all") query.delete("tailLines");
  else if (tail) query.set("tailLines", tail);
  const sinceSeconds = number("sinceSeconds", 1);
  const sinceTime = query.get("sinceTime");
  const since = sinceTime ? Date.parse(sinceTime) : undefined;
  if (Number.isNaN(since)) throw new RequestError(400, '{"message": "Unable to decode query."}');
  if (sinceSeconds !== undefined && since !== undefined) throw new RequestError(422, '{"message": "Invalid request."}');
  const stream = query.get("stream") || "All";
  if (stream !== "All" && stream !== "Stdout" && stream !== "Stderr") {
    throw new RequestError(422, '{"message": "Invalid request."}');
  }
  const tailLines = number("tailLines", 0);
  if (tailLines !== undefined && stream !== "All") throw new RequestError(422, '{"message": "Invalid request."}');
  const sinceMs = sinceSeconds === undefined ? since : now - sinceSeconds * 1000;
  const limitBytes = number("limitBytes", 1);
  return {
    previous: flag("previous"),
    follow: flag("follow"),
    timestamps: flag("timestamps"),
    stream,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
  };
}

/**
 * The container whose log is meant, as its status names it (`containerd://…`): the running instance, else the last one that ran; or the one
 * before. Throws a RequestError with upstream's words where there is none.
 */
export function loggedContainer(
  podName: string,
  status: PodStatus | undefined,
  name: string,
  previous: boolean,
): string {
  const refuse = (what: string) => new RequestError(400, what);
  const subject = `container "${name}" in pod "${podName}"`;
  const find = (list: ContainerStatus[] | undefined) => list?.find((candidate) => candidate.name === name);
  const container =
    find(status?.containerStatuses) ?? find(status?.initContainerStatuses) ?? find(status?.ephemeralContainerStatuses);
  if (!container) throw refuse(`${subject} is not available`);
  const { running, terminated, waiting } = container.state ?? {};
  const last = container.lastState?.terminated;
  let id: string | undefined;
  if (previous) {
    id = last?.containerID;
    if (!id) throw refuse(`previous terminated ${subject} not found`);
  } else if (running) id = container.containerID;
  else if (terminated || last) {
    id = terminated?.containerID || last?.containerID;
    if (!id) throw refuse(`${subject} is terminated`);
  } else if (waiting) {
    const reasons: Record<string, string> = {
      ErrImagePull: "image can't be pulled",
      ImagePullBackOff: "trying and failing to pull image",
    };
    throw refuse(`${subject} is waiting to start: ${reasons[waiting.reason ?? ""] ?? waiting.reason}`);
  }
  if (!id) throw refuse(`${subject} is waiting to start - no logs yet`);
  return id;
}
