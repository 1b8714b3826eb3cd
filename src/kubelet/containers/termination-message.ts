import { type Files, isNotFound } from "../../base/files.ts";
import type { PodContainer, PodState } from "../pod/pod-state.ts";
import { containerNotes } from "../pod/runtime-labels.ts";

/** https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/ */
const MESSAGE_LIMIT = 4096;
const LOG_LINES = 80;
const LOG_LIMIT = 2048;

/** What containers left behind on ending, read once each. */
export interface TerminationMessages {
  /** The messages of the pod's ended containers by container id; those without one are not in it. */
  ofPod(state: PodState, logDirectory: string): Promise<ReadonlyMap<string, string>>;
  forgetPod(podUid: string): void;
}

export function terminationMessages(files: Files): TerminationMessages {
  const known = new Map<string, Map<string, string>>();
  return {
    async ofPod(state, logDirectory) {
      let messages = known.get(state.uid);
      if (!messages) {
        messages = new Map();
        known.set(state.uid, messages);
      }
      const ended = state.containers.filter(({ status }) => status.state === "exited");
      for (const id of messages.keys()) if (!ended.some((container) => container.id === id)) messages.delete(id);
      await Promise.all(
        ended.map(async (container) => {
          if (!messages.has(container.id)) messages.set(container.id, await read(files, container, logDirectory));
        }),
      );
      return messages;
    },
    forgetPod: (uid) => void known.delete(uid),
  };
}

async function read(files: Files, { status }: PodContainer, logDirectory: string): Promise<string> {
  const { terminationMessagePath: path, terminationMessagePolicy: policy } = containerNotes(status.annotations);
  const mount = path ? status.mounts.find(({ containerPath }) => containerPath === path) : undefined;
  let message = "";
  if (mount) {
    try {
      message = await readTail(files, mount.hostPath, MESSAGE_LIMIT);
    } catch (error) {
      if (!isNotFound(error))
        message = `Error on reading termination log ${mount.hostPath}: ${(error as Error).message}`;
    }
  }
  if (message !== "" || policy !== "FallbackToLogsOnError" || status.exitCode === 0) return message;
  try {
    const log = status.logPath.startsWith("/") ? status.logPath : `${logDirectory}/${status.logPath}`;
    return await lastLogLines(files, log);
  } catch (error) {
    if (isNotFound(error)) return "";
    return `Error reading termination message from logs: ${(error as Error).message}`;
  }
}

/** The last `limit` bytes of a file. */
async function readTail(files: Files, path: string, limit: number): Promise<string> {
  const handle = await files.open(path, "r");
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, limit);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await handle.close();
  }
}

/** The last lines of a log in the CRI's format (`time stream F|P text`), without what the runtime put in front. */
async function lastLogLines(files: Files, path: string): Promise<string> {
  // Each line carries some 50 bytes of its own before the text.
  const lines = (await readTail(files, path, LOG_LIMIT + LOG_LINES * 64)).split("\n");
  if (lines.at(-1) === "") lines.pop();
  const texts = lines.slice(-LOG_LINES).flatMap((line) => {
    const match = /^\S+ (?:stdout|stderr) ([FP])\S* (.*)$/.exec(line);
    return match ? [match[1] === "F" ? `${match[2]}\n` : match[2]!] : [];
  });
  return Buffer.from(texts.join("")).subarray(-LOG_LIMIT).toString();
}
