import { systemFiles } from "../../base/files.ts";
import { sqliteFailure } from "../../base/sqlite.ts";
import { workerParent } from "../../base/worker.ts";
import { StoreUnavailableError } from "../store.ts";
import { explain } from "./failure.ts";
import { lockFile } from "./lock-file.ts";
import { type Calls, type Reply, type Request, toWire } from "./protocol.ts";
import { openRevisionLog, type RevisionLog, type Swap } from "./revision-log.ts";

/**
 * The thread that owns the file. It handles one request after another; only the dropping of compacted rows is cut into
 * portions, between which other requests get their turn.
 */
const parent = workerParent();
const { path } = parent.data as { path: string };
const owner = lockFile(systemFiles, `${path}.pid`);
const reply = (message: Reply, transfer?: ArrayBuffer[]) => parent.post(message, transfer);

/**
 * The file holds every Secret of the cluster; SQLite gives its journal the same mode. An existing file must not be
 * opened here: closing any descriptor of a file frees the locks that this process holds on it.
 */
async function createPrivately(): Promise<void> {
  try {
    await (await systemFiles.open(path, "ax", 0o600)).close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function open(): Promise<RevisionLog> {
  try {
    await createPrivately();
    const log = openRevisionLog(path);
    await owner.write();
    return log;
  } catch (error) {
    if (sqliteFailure(error) === "locked") throw await owner.inUse(path, error);
    const explained = await explain(error, path, systemFiles);
    if (explained instanceof StoreUnavailableError) throw explained;
    throw new StoreUnavailableError(`the store ${path} cannot be opened: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function serve(log: RevisionLog): void {
  const answer = (request: Request): unknown => {
    switch (request.name) {
      case "write":
        return log.write(unpack(request.ask), request.ask.withPrevious);
      case "get":
        return log.get(request.ask.key, request.ask.atRevision);
      case "count":
        return log.count(request.ask.prefix);
      case "list":
        return log.list(request.ask);
      case "history":
        return { ...log.history(request.ask), revision: log.revision };
      case "compact":
        log.compact(request.ask.revision);
        return sweep();
      case "status":
        return log.size();
      case "defragment":
        return log.defragment();
      case "close":
        log.close();
        return owner.remove();
    }
  };
  const sweep = async () => {
    while (log.sweep()) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  parent.onMessage((message) => {
    const request = message as Request;
    const fail = async (error: unknown) =>
      reply({ id: request.id, error: toWire(await explain(error, path, systemFiles)) });
    const succeed = (value: unknown) => {
      reply({ id: request.id, answer: value }, request.name === "list" ? buffersOf(value as ListAnswer) : undefined);
      if (request.name === "close") parent.close();
    };
    try {
      const result = answer(request);
      if (result instanceof Promise) result.then(succeed, fail);
      else succeed(result);
    } catch (error) {
      void fail(error);
    }
  });
}

type ListAnswer = Calls["list"]["answer"];

/** Values that were read are moved, not copied: a list may be as large as all that is stored. */
const buffersOf = ({ entries }: ListAnswer) => entries.map(({ value }) => value.buffer as ArrayBuffer);

function unpack({ keys, expected, lengths, values }: Calls["write"]["ask"]): Swap[] {
  let offset = 0;
  return keys.map((key, index) => {
    const length = lengths[index]!;
    if (length < 0) return { key, expected: expected[index]!, value: null };
    offset += length;
    return { key, expected: expected[index]!, value: values.subarray(offset - length, offset) };
  });
}

try {
  const log = await open();
  serve(log);
  reply({ id: 0, answer: log.revision });
} catch (error) {
  reply({ id: 0, error: toWire(error) });
  parent.close();
}
