import type { Frontend } from "../../service-tracker.ts";

/** One element of a set (no `value`) or map of the table. */
export interface Element {
  readonly set: string;
  readonly key: string;
  readonly value?: string;
}

/** A chain that a verdict map leads to, shared by all front ends of the same shape. */
export interface BalanceChain {
  readonly name: string;
  /** How many backends it chooses from. */
  readonly count: number;
  readonly nodePort: boolean;
  readonly affinitySeconds: number;
  readonly masquerade: Frontend["masquerade"];
}

const MASQUERADE_CODE = { never: "n", "off-cluster": "o", always: "a" } as const;

export function balanceChain(frontend: Frontend): BalanceChain {
  const { backends, affinitySeconds, masquerade, address } = frontend;
  const nodePort = address === undefined;
  const name = `${nodePort ? "port" : "addr"}-${backends.length}-${MASQUERADE_CODE[masquerade]}${affinitySeconds ? `-${affinitySeconds}` : ""}`;
  return { name, count: backends.length, nodePort, affinitySeconds, masquerade };
}

/**
 * The elements that make one front end work, and no more: an update touches these alone, whatever else is in the table.
 * For an address the verdict map is `services` and the backends are in `endpoints`; for a node port they are `nodeports`
 * and `nodeport-endpoints`, whose keys lack the address.
 */
export function elements(frontend: Frontend): Element[] {
  const { address, protocol, port, backends, withoutBackends } = frontend;
  const key = address === undefined ? `${protocol} . ${port}` : `${address} . ${protocol} . ${port}`;
  const [verdicts, endpoints] = address === undefined ? ["nodeports", "nodeport-endpoints"] : ["services", "endpoints"];
  const result: Element[] = [];
  if (address !== undefined) result.push({ set: "service-addresses", key: address });
  if (backends.length === 0) {
    if (withoutBackends === "drop")
      result.push({ set: address === undefined ? "dropped-nodeports" : "dropped-services", key });
    else if (address === undefined) result.push({ set: "refused-nodeports", key });
    return result;
  }
  result.push({ set: verdicts!, key, value: `goto ${balanceChain(frontend).name}` });
  for (const [index, backend] of backends.entries()) {
    result.push({ set: endpoints!, key: `${key} . ${index}`, value: `${backend.address} . ${backend.port}` });
    result.push({ set: "hairpins", key: `${backend.address} . ${backend.address}` });
  }
  return result;
}
