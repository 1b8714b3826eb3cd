import { invalid as invalidField } from "../../api/resources/field-errors.ts";
import { internalError, invalid, type StatusError } from "../../api/status-error.ts";
import type { Service, ServicePort } from "../../api/types/core.v1.ts";
import type { AllocatorMetrics } from "./metrics.ts";
import { type NodePorts, PortError, type WantedPort } from "./node-ports.ts";

/** The node ports that a Service has, each once. */
export function portsOf({ spec }: Service): number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort ?? 0);
  return [...new Set([...ports, spec?.healthCheckNodePort ?? 0])].filter((port) => port > 0);
}

/** One number to be had, and what to do with it. */
interface Slot {
  readonly wanted: WantedPort;
  assign(port: number): void;
  refusal(detail: string): StatusError;
}

/**
 * Takes the node ports that a Service wants beside those that it has (`present`), and fills them in. Returns those that
 * were taken. Throws, with nothing taken.
 */
export async function takePorts(
  service: Service,
  present: ReadonlySet<number>,
  ports: NodePorts,
  metrics: AllocatorMetrics,
  dryRun: boolean,
): Promise<number[]> {
  const slots = slotsOf(service, present);
  if (slots.length === 0) return [];
  const wanted = slots.map((slot) => slot.wanted);
  try {
    const taken = dryRun ? await ports.pretend(wanted) : await ports.take(wanted);
    for (const [index, slot] of slots.entries()) {
      slot.assign(taken[index]!);
      if (!dryRun) metrics.port(scopeOf(slot), true);
    }
    return dryRun ? [] : taken;
  } catch (error) {
    if (!(error instanceof PortError)) throw error;
    const slot = slots[error.index]!;
    if (!dryRun) metrics.port(scopeOf(slot), false);
    throw slot.refusal(error.message);
  }
}

const scopeOf = ({ wanted }: Slot) => (wanted === undefined ? "dynamic" : "static");

function slotsOf(service: Service, present: ReadonlySet<number>): Slot[] {
  const spec = service.spec!;
  if (spec.type !== "NodePort" && spec.type !== "LoadBalancer") return [];
  const ports = spec.ports ?? [];
  const slots: Slot[] = [];
  // The same number may serve a port over TCP and one over UDP.
  const own = new Set(present);
  for (const [index, port] of ports.entries()) {
    const wanted = port.nodePort;
    if (!wanted || own.has(wanted)) continue;
    own.add(wanted);
    const path = `spec.ports[${index}].nodePort`;
    slots.push({ wanted, assign() {}, refusal: (detail) => refused(service, path, wanted, detail) });
  }
  if (spec.type === "NodePort" || spec.allocateLoadBalancerNodePorts !== false) slots.push(...anyPorts(ports));
  if (spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local") {
    const wanted = spec.healthCheckNodePort || undefined;
    if (wanted === undefined || !own.has(wanted)) {
      const what = wanted ? `requested HealthCheck NodePort ${wanted}` : "a HealthCheck NodePort";
      slots.push({
        wanted,
        assign: (port) => (spec.healthCheckNodePort = port),
        refusal: (detail) => internalError(`failed to allocate ${what}: ${detail}`),
      });
    }
  }
  return slots;
}

/** A slot for each port that has no number yet; those of one number that differ in their protocol share one. */
function anyPorts(ports: readonly ServicePort[]): Slot[] {
  const groups: ServicePort[][] = [];
  for (const port of ports) {
    if (port.nodePort) continue;
    const shared = sharedPort(port, ports);
    if (shared) {
      port.nodePort = shared;
      continue;
    }
    const group = groups.find(
      (members) => members[0]!.port === port.port && members.every((member) => member.protocol !== port.protocol),
    );
    if (group) group.push(port);
    else groups.push([port]);
  }
  return groups.map((members) => ({
    wanted: undefined,
    assign(number) {
      for (const member of members) member.nodePort = number;
    },
    refusal: (detail) => internalError(`failed to allocate a nodePort: ${detail}`),
  }));
}

/** The node port of another port of the same number, which differs in its protocol. */
function sharedPort(port: ServicePort, ports: readonly ServicePort[]): number | undefined {
  const other = ports.find(
    (one) => one !== port && one.nodePort && one.port === port.port && one.protocol !== port.protocol,
  );
  const taken = ports.some((one) => one.nodePort === other?.nodePort && one.protocol === port.protocol);
  return taken ? undefined : other?.nodePort;
}

export function refused(service: Service, path: string, value: unknown, detail: string): StatusError {
  const { type, field, message } = invalidField(path, value, detail);
  return invalid({ group: "", kind: "Service" }, service.metadata?.name ?? "", [{ reason: type, message, field }]);
}
