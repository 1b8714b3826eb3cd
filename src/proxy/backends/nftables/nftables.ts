import type { Exec } from "../../../base/exec.ts";
import type { Logger } from "../../../base/logger.ts";
import type { ProxyBackend } from "../../backend.ts";
import type { Frontend } from "../../service-tracker.ts";
import { type BalanceChain, balanceChain, type Element, elements } from "./elements.ts";
import { chainCommands, emptyTable, TABLE } from "./table.ts";

export interface NftablesOptions {
  exec: Exec;
  logger: Logger;
  /** The range of all pods; clients from elsewhere are masqueraded when they use a Service. */
  clusterCidr?: string;
}

/** The nftables backend: flat maps whose elements follow the Services; every change is one transaction. */
export function nftables({ exec, logger, clusterCidr }: NftablesOptions): ProxyBackend {
  const present = new Map<string, readonly Frontend[]>();
  /** Elements may be shared (an address with several ports, a pod behind several Services), so they are counted. */
  const counted = new Map<string, { element: Element; count: number }>();
  const chains = new Set<string>();
  const nft = (input: string) => exec.run("nft", ["-f", "-"], { input });

  const plan = (changes: ReadonlyMap<string, readonly Frontend[]>) => {
    const before = [...changes.keys()].flatMap((key) => present.get(key) ?? []);
    const after = [...changes.values()].flat();
    const counts = new Map<string, { element: Element; change: number }>();
    const count = (frontend: Frontend, by: number) => {
      for (const element of elements(frontend)) {
        const id = identify(element);
        const entry = counts.get(id) ?? { element, change: 0 };
        entry.change += by;
        counts.set(id, entry);
      }
    };
    for (const frontend of before) count(frontend, -1);
    for (const frontend of after) count(frontend, 1);
    const missing = new Map<string, BalanceChain>();
    for (const frontend of after) {
      const chain = balanceChain(frontend);
      if (chain.count > 0 && !chains.has(chain.name)) missing.set(chain.name, chain);
    }
    return { before, after, counts, missing };
  };

  /** Commands for the difference. Deletions come first: an element may return with another value. */
  const commands = ({ counts, missing }: ReturnType<typeof plan>) => {
    const add: Element[] = [];
    const remove: Element[] = [];
    for (const [id, { element, change }] of counts) {
      const old = counted.get(id)?.count ?? 0;
      if (old === 0 && change > 0) add.push(element);
      if (old > 0 && old + change <= 0) remove.push(element);
    }
    return [
      ...[...missing.values()].map((chain) => chainCommands(chain, clusterCidr)),
      ...elementCommands("delete", remove),
      ...elementCommands("add", add),
    ];
  };

  const commit = (changes: ReadonlyMap<string, readonly Frontend[]>, { counts, missing }: ReturnType<typeof plan>) => {
    for (const [id, { element, change }] of counts) {
      const next = (counted.get(id)?.count ?? 0) + change;
      if (next > 0) counted.set(id, { element, count: next });
      else counted.delete(id);
    }
    for (const name of missing.keys()) chains.add(name);
    for (const [key, frontends] of changes) {
      if (frontends.length > 0) present.set(key, frontends);
      else present.delete(key);
    }
  };

  /** Flows that would go on to a backend that is gone: UDP has no end of its own, and affinity slots are renumbered. */
  const forget = async (before: readonly Frontend[], after: readonly Frontend[]) => {
    const kept = new Map(after.map((frontend) => [frontendKey(frontend), frontend]));
    for (const old of before) {
      const now = kept.get(frontendKey(old));
      if (now && JSON.stringify(now.backends) === JSON.stringify(old.backends)) continue;
      if (old.affinitySeconds > 0) await forgetAffinities(old);
      if (old.protocol !== "udp") continue;
      const left = new Set(now?.backends.map((backend) => backend.address));
      for (const backend of old.backends) {
        if (!left.has(backend.address)) await forgetFlows(old, backend.address);
      }
    }
    for (const frontend of after) {
      // A client that asked while nothing answered left an entry that bypasses the new rules.
      const old = before.find((candidate) => frontendKey(candidate) === frontendKey(frontend));
      if (frontend.protocol === "udp" && frontend.backends.length > 0 && (old?.backends.length ?? 0) === 0)
        await forgetFlows(frontend);
    }
  };
  const forgetFlows = async (frontend: Frontend, backend?: string) => {
    const args = ["-D", "-p", frontend.protocol, "--orig-port-dst", String(frontend.port)];
    if (frontend.address) args.push("--orig-dst", frontend.address);
    if (backend) args.push("--dst-nat", backend);
    try {
      await exec.run("conntrack", args);
    } catch (error) {
      // conntrack exits with 1 where there was nothing to delete.
      if (!/0 flow entries/.test(String(error))) logger.warn("stale flows could not be deleted", { error });
    }
  };
  const forgetAffinities = async (frontend: Frontend) => {
    const { stdout } = await exec.run("nft", ["-j", "list", "map", ...TABLE.split(" "), "affinities"]);
    const listed = (JSON.parse(stdout).nftables as { map?: { elem?: unknown[] } }[]).flatMap(
      (entry) => entry.map?.elem ?? [],
    );
    const keys = listed
      .map((entry) => affinityKey(entry))
      .filter((parts) => {
        const [, address, protocol, port] = parts;
        return (
          protocol === frontend.protocol &&
          port === String(frontend.port) &&
          (!frontend.address || address === frontend.address)
        );
      });
    const gone = keys.map((parts) => ({ set: "affinities", key: parts.join(" . ") }));
    if (gone.length > 0) await nft(`${elementCommands("delete", gone).join("\n")}\n`);
  };

  return {
    async replace(services) {
      present.clear();
      counted.clear();
      chains.clear();
      const planned = plan(services);
      await nft(`${emptyTable()}${commands(planned).join("\n")}\n`);
      commit(services, planned);
    },
    async update(changes) {
      const planned = plan(changes);
      const lines = commands(planned);
      if (lines.length > 0) await nft(`${lines.join("\n")}\n`);
      commit(changes, planned);
      await forget(planned.before, planned.after);
    },
    async remove() {
      await nft(`table ${TABLE}\ndelete table ${TABLE}\n`);
      present.clear();
      counted.clear();
      chains.clear();
    },
  };
}

const identify = (element: Element) => `${element.set} ${element.key} ${element.value ?? ""}`;
const frontendKey = (frontend: Frontend) => `${frontend.address ?? ""} ${frontend.protocol} ${frontend.port}`;

/** How many elements one command carries, so that no line grows without bound. */
const ELEMENTS_PER_COMMAND = 1000;

function elementCommands(verb: "add" | "delete", list: readonly Element[]): string[] {
  const bySet = Map.groupBy(list, (element) => element.set);
  const lines: string[] = [];
  for (const [set, members] of bySet) {
    for (let start = 0; start < members.length; start += ELEMENTS_PER_COMMAND) {
      const batch = members.slice(start, start + ELEMENTS_PER_COMMAND);
      const written = batch.map(({ key, value }) => (value === undefined ? key : `${key} : ${value}`));
      lines.push(`${verb} element ${TABLE} ${set} { ${written.join(", ")} }`);
    }
  }
  return lines;
}

/** The key of one listed element of `affinities`: client, address, protocol, port. */
function affinityKey(listed: unknown): string[] {
  const left = Array.isArray(listed) ? listed[0] : listed;
  const value = (left as { elem?: { val?: unknown } }).elem?.val ?? left;
  return ((value as { concat?: unknown[] }).concat ?? []).map(String);
}
