import { join } from "node:path";
import type { Pod } from "../../api/types/core.v1.ts";
import { podName, podNamespace, podUid } from "../pod/pod.ts";

/** Where logs lie, as upstream's tools expect: `<root>/<namespace>_<name>_<uid>/<container>/<restarts>.log`. */
export function podLogDirectory(root: string, pod: Pod): string {
  return join(root, `${podNamespace(pod)}_${podName(pod)}_${podUid(pod)}`);
}

/** A container's log below the pod's log directory. */
export function containerLogPath(container: string, restartCount: number): string {
  return join(container, `${restartCount}.log`);
}

/** The uid in the name of a pod's log directory; undefined where it is none. */
export function uidOfLogDirectory(name: string): string | undefined {
  const parts = name.split("_");
  return parts.length === 3 ? parts[2] : undefined;
}

/** The link by which log collectors find a container's log. */
export function logLink(root: string, pod: Pod, container: string, containerId: string): string {
  const name = `${podName(pod)}_${podNamespace(pod)}_${container}`.slice(
    0,
    255 - ".log".length - containerId.length - 1,
  );
  return join(root, `${name}-${containerId}.log`);
}
