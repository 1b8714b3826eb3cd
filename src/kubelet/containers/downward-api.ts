import { Quantity } from "../../api/quantity.ts";
import type { ObjectFieldSelector, Pod, ResourceFieldSelector } from "../../api/types/core.v1.ts";
import { findContainer, podName, podNamespace, podUid } from "../pod/pod.ts";

/** What a pod's containers may learn of the pod beyond its own object. */
export interface DownwardFacts {
  hostIps: readonly string[];
  podIps: readonly string[];
  /** The node's allocatable resources: the value of a limit that isn't set. */
  allocatable: Readonly<Record<string, string>>;
}

/** The value of `fieldRef`. Throws where the field is not one that can be exposed. */
export function fieldValue(pod: Pod, selector: ObjectFieldSelector, facts: DownwardFacts): string {
  const metadata = pod.metadata ?? {};
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(selector.fieldPath);
  if (subscript) return metadata[subscript[1] as "labels" | "annotations"]?.[subscript[2]!] ?? "";
  switch (selector.fieldPath) {
    case "metadata.name":
      return podName(pod);
    case "metadata.namespace":
      return podNamespace(pod);
    case "metadata.uid":
      return podUid(pod);
    case "metadata.labels":
      return formatMap(metadata.labels);
    case "metadata.annotations":
      return formatMap(metadata.annotations);
    case "spec.nodeName":
      return pod.spec?.nodeName ?? "";
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "";
    case "status.hostIP":
      return facts.hostIps[0] ?? "";
    case "status.hostIPs":
      return facts.hostIps.join(",");
    case "status.podIP":
      return facts.podIps[0] ?? "";
    case "status.podIPs":
      return facts.podIps.join(",");
    default:
      throw new Error(`unsupported fieldPath: ${selector.fieldPath}`);
  }
}

/** One `key="value"` line each, sorted by key, the value quoted as Go quotes strings. */
export function formatMap(map: Record<string, string> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${quote(map![key]!)}`)
    .join("\n");
}

const ESCAPES: Record<string, string> = {
  "\\": "\\\\",
  '"': '\\"',
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};
function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
  const escaped = text.replace(/[\\"\u0000-\u001f\u007f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, "0");
    return ESCAPES[character] ?? `\\x${code}`;
  });
  return `"${escaped}"`;
}

/** The value of `resourceFieldRef`, a whole number of divisors. `ownName` is the container that asks. */
export function resourceValue(
  pod: Pod,
  selector: ResourceFieldSelector,
  ownName: string | undefined,
  facts: DownwardFacts,
): string {
  const name = selector.containerName || ownName;
  const container = name === undefined ? undefined : findContainer(pod, name)?.container;
  if (!container) throw new Error(`container ${name ?? ""} not found`);
  const match = /^(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-.+)$/.exec(selector.resource);
  if (!match) throw new Error(`unsupported container resource : ${selector.resource}`);
  const [, field, resource] = match as unknown as [string, "limits" | "requests", string];
  const own = container.resources ?? {};
  let text = own[field]?.[resource];
  // An unset limit stands for all that the node has; hugepages have no such meaning.
  if (text === undefined && field === "limits" && !resource.startsWith("hugepages-"))
    text = facts.allocatable[resource];
  const amount = Quantity.parse(text ?? "0");
  const divisor = Quantity.parse(selector.divisor && selector.divisor !== "0" ? selector.divisor : "1");
  const quotient = amount.nano / divisor.nano;
  return String(amount.nano % divisor.nano === 0n ? quotient : quotient + 1n);
}
