import type { Pod } from "../../api/types/core.v1.ts";
import type { PodAccess } from "./pod-access.ts";

/** A request that the server refuses, with the status code and text of its answer. */
export class RequestError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = "RequestError";
    this.code = code;
  }
}

/** The pod and container that a path names. */
export interface RequestTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly uid?: string;
  readonly container?: string;
}

/** The parts of a path, decoded. Throws a RequestError where it is malformed. */
export function pathParts(path: string): string[] {
  try {
    return path.slice(1).split("/").map(decodeURIComponent);
  } catch {
    throw new RequestError(400, "malformed path");
  }
}

/** Reads `namespace/pod[/uid][/container]`, as far as the endpoint has them. Throws a RequestError where it is not that. */
export function requestTarget(parts: readonly string[], until: "pod" | "container"): RequestTarget {
  const least = until === "pod" ? 2 : 3;
  if (parts.length < least || parts.length > least + 1 || parts.includes("")) {
    throw new RequestError(404, "404: Page Not Found");
  }
  const [namespace, pod] = parts as [string, string];
  const uid = parts.length > least ? parts[2] : undefined;
  return { namespace, pod, ...(uid ? { uid } : {}), ...(until === "container" ? { container: parts.at(-1)! } : {}) };
}

/** The pod that is meant. Throws a RequestError where the node doesn't have it, or by that uid no more. */
export function targetPod(pods: PodAccess, target: RequestTarget, message = "pod does not exist"): Pod {
  const { namespace, pod: name, uid } = target;
  const found = pods.pods().find(({ metadata }) => metadata?.name === name && metadata.namespace === namespace);
  if (!found || (uid !== undefined && found.metadata?.uid !== uid)) throw new RequestError(404, message);
  return found;
}

/** The runtime's id of the container, which must be running. Throws a RequestError where it isn't. */
export async function targetContainer(pods: PodAccess, pod: Pod, name: string): Promise<string> {
  const id = await pods.runningContainer(pod, name);
  // Upstream answers with 500, whether the container doesn't exist or doesn't run.
  if (!id) throw new RequestError(500, `container not found ("${name}")`);
  return id;
}

/** The container of any kind that a pod's spec has under that name. */
export function specContainer(pod: Pod, name: string): { readonly tty?: boolean } | undefined {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers, ...ephemeralContainers].find((container) => container.name === name);
}
