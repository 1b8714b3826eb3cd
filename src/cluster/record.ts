import { join } from "node:path";
import type { ServedApiFlags } from "../apiserver/served-api.ts";
import type { StorePlace } from "../apiserver/store-flags.ts";
import { type Files, isNotFound } from "../base/files.ts";
import { RECORDS } from "./layout.ts";

/** An etcd cluster, with the absolute paths of the PEM files that it takes. */
export type EtcdPlace = Extract<StorePlace, { etcdServers: unknown }>;

/** What is remembered of a cluster between its runs, so that `up` and `down` find it by its name. */
export interface ClusterRecord {
  readonly name: string;
  readonly dataDir: string;
  /** The slot of the address plan. */
  readonly slot: number;
  readonly apiPort: number;
  readonly onHost: boolean;
  /** Where the objects are, if not in the cluster's own directory. */
  readonly etcd?: EtcdPlace;
  /** How many nodes without machines the control plane plays. Absent: none. */
  readonly simulateNodes?: number;
  /** Which versions and features of the API are switched on or off. Absent: none. */
  readonly servedApi?: ServedApiFlags;
  /** The kubeconfig that carries the cluster's context. */
  readonly kubeconfig: string;
}

export async function readRecord(files: Files, name: string): Promise<ClusterRecord | undefined> {
  const path = join(RECORDS, `${name}.json`);
  try {
    return JSON.parse(await files.readFile(path, "utf8"));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw new Error(`the record of cluster ${name} can't be read (${path}): ${(error as Error).message}`);
  }
}

export async function readRecords(files: Files): Promise<ClusterRecord[]> {
  let names: string[];
  try {
    names = await files.readdir(RECORDS);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
  const records = names.filter((name) => name.endsWith(".json")).map((name) => readRecord(files, name.slice(0, -5)));
  return (await Promise.all(records)).filter((record) => record !== undefined);
}

export async function writeRecord(files: Files, record: ClusterRecord): Promise<void> {
  await files.mkdir(RECORDS, { recursive: true, mode: 0o755 });
  await files.writeAtomic(join(RECORDS, `${record.name}.json`), `${JSON.stringify(record, null, 2)}\n`);
}

export async function removeRecord(files: Files, name: string): Promise<void> {
  await files.rm(join(RECORDS, `${name}.json`), { force: true });
}
