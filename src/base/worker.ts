import { parentPort, Worker, workerData } from "node:worker_threads";

/** A thread of this process that runs a module of its own. Messages keep their order in each direction. */
export interface WorkerThread {
  /** Sends a structured clone; the buffers in `transfer` are moved instead. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Whether the thread keeps the process alive. It does, until told otherwise. */
  keepAlive(alive: boolean): void;
  /** Stops the thread at once, wherever it is. */
  terminate(): Promise<void>;
}

/**
 * Starts the module `url` (a .ts source or a bundled .js) in a thread, which does not take over the process's options
 * for Node (some, such as `--input-type`, would keep it from starting). `onExit` is called exactly once, with the error
 * that ended the thread, if any.
 */
export function startWorker(
  url: URL,
  options: { data: unknown; onMessage(message: unknown): void; onExit(error: Error | undefined): void },
): WorkerThread {
  const worker = new Worker(url, { workerData: options.data, execArgv: [] });
  let failure: Error | undefined;
  worker.on("message", options.onMessage);
  worker.on("messageerror", (error) => {
    failure = error;
    void worker.terminate();
  });
  worker.on("error", (error) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => options.onExit(failure));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    keepAlive: (alive) => (alive ? worker.ref() : worker.unref()),
    async terminate() {
      worker.ref(); // or the process could end before the promise is settled
      await worker.terminate();
    },
  };
}

/** The other end, for the module that runs in the thread. */
export interface WorkerParent {
  /** What `startWorker` was given. */
  readonly data: unknown;
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(handler: (message: unknown) => void): void;
  /** Takes no more messages; the thread ends when it has nothing left to do. */
  close(): void;
}

/** Throws where the module was not started by `startWorker`. */
export function workerParent(): WorkerParent {
  const port = parentPort;
  if (!port) throw new Error("this module must be started as a worker thread");
  return {
    data: workerData,
    post: (message, transfer) => port.postMessage(message, transfer),
    onMessage: (handler) => void port.on("message", handler),
    close: () => port.close(),
  };
}
