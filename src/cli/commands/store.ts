import { resolve } from "node:path";
import type { Command } from "commander";
import type { StorePlace } from "../../apiserver/store-flags.ts";
import { openCluster } from "../../cluster/cluster.ts";
import { layout } from "../../cluster/layout.ts";
import { readRecord } from "../../cluster/record.ts";
import { connectStore } from "../../cluster/store.ts";
import {
  restoreSnapshot,
  type StoreOperations,
  saveSnapshot,
  storeOperations,
} from "../../cluster/store-operations.ts";
import { remoteStoreOperations, storeSocket } from "../../cluster/store-service.ts";
import { componentLogger } from "../component.ts";
import { UserError } from "../console.ts";
import type { Context } from "../context.ts";
import { type EtcdOptions, etcdOptions, etcdPlace } from "../etcd-options.ts";

interface Target extends EtcdOptions {
  name: string;
  dataDir?: string;
}

export function define(program: Command, context: Context): void {
  const store = program
    .command("store")
    .description("Look after the store of a cluster: its size, snapshots, and the space that it takes.");
  const command = (text: string, description: string) =>
    etcdOptions(
      store
        .command(text)
        .description(description)
        .option("--name <name>", "the cluster's name", "default")
        .option("--data-dir <directory>", "the directory of an embedded store that no cluster of this machine has"),
    );
  command("status", "Show where the store is, its revision, and how large it is.").action((target: Target) =>
    withStore(context, target, async (operations) => {
      const { backend, revision, entries, bytes, bytesInUse } = await operations.status();
      const { console } = context;
      console.print(`Store:     ${backend}`);
      console.print(`Revision:  ${revision}`);
      console.print(`Objects:   ${entries}`);
      console.print(`Size:      ${megabytes(bytes)}, of which ${megabytes(bytesInUse)} in use`);
    }),
  );
  command("snapshot <file>", "Write all objects as they are at one moment to a file, while the cluster runs.").action(
    (file: string, target: Target) =>
      withStore(context, target, async (operations) => {
        const path = resolve(context.workingDirectory, file);
        const { revision, entries, sha256 } = await saveSnapshot(operations, path, context.machine.files);
        context.console.print(`${path}: ${entries} objects at revision ${revision}, sha256 ${sha256}`);
      }),
  );
  command("restore <file>", "Fill the store of a cluster that does not run, or an empty etcd, from a snapshot.")
    .option("--replace", "put a store that is there already aside")
    .action((file: string, target: Target & { replace?: boolean }) => restore(context, file, target));
  command("defrag", "Give the space of dropped history back to the disk. Requests wait meanwhile.").action(
    (target: Target) =>
      withStore(context, target, async (operations) => {
        const before = await operations.status();
        await operations.defragment();
        const after = await operations.status();
        context.console.print(`${megabytes(before.bytes)} before, ${megabytes(after.bytes)} now`);
      }),
  );
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Where the store is, and through which process it has to be asked, if one has it open. */
async function find(context: Context, target: Target): Promise<{ place: StorePlace; socket?: string }> {
  const { machine, workingDirectory } = context;
  const etcd = etcdPlace(target, workingDirectory);
  if (etcd && target.dataDir) throw new UserError("--data-dir and --etcd-servers exclude each other");
  if (etcd) return { place: etcd };
  if (target.dataDir) return { place: { directory: resolve(workingDirectory, target.dataDir) } };
  const record = await readRecord(machine.files, target.name);
  if (!record) return { place: { directory: layout(target.name).store } };
  const cluster = await openCluster(machine, record);
  const running = await cluster.processes.find("control-plane");
  return { place: cluster.store, ...(running ? { socket: storeSocket(cluster.layout) } : {}) };
}

async function withStore(
  context: Context,
  target: Target,
  action: (operations: StoreOperations) => Promise<void>,
): Promise<void> {
  const { machine } = context;
  const { place, socket } = await find(context, target);
  let operations: StoreOperations;
  if (socket && "directory" in place) operations = remoteStoreOperations(socket, machine.network);
  else {
    if ("directory" in place && !(await machine.files.exists(place.directory))) {
      throw new UserError(`there is no store in ${place.directory}`);
    }
    const logger = componentLogger(context, "store");
    operations = storeOperations(await connectStore(place, { ...machine, logger }), machine.clock);
  }
  try {
    await action(operations);
  } finally {
    await operations.close();
  }
}

async function restore(context: Context, file: string, target: Target & { replace?: boolean }): Promise<void> {
  const { machine, console, workingDirectory } = context;
  const { place, socket } = await find(context, target);
  if (socket) throw new UserError(`cluster ${target.name} is running; stop it first: knarr down --name ${target.name}`);
  const logger = componentLogger(context, "store");
  const { summary, revision, aside } = await restoreSnapshot(
    resolve(workingDirectory, file),
    place,
    { replace: target.replace === true },
    { ...machine, logger },
  );
  console.print(`${summary.entries} objects of revision ${summary.revision} restored; the store is at ${revision}`);
  if (aside) console.print(`The store that was there is now ${aside}`);
}
