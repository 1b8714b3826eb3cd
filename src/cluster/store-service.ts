import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";
import type { Files } from "../base/files.ts";
import type { Logger } from "../base/logger.ts";
import type { Network } from "../base/network.ts";
import type { StoreStatus } from "../store/store.ts";
import type { Layout } from "./layout.ts";
import type { StoreOperations } from "./store-operations.ts";

/** Where the control plane lets root work on its store: a Unix socket in a directory of root's. */
export const storeSocket = ({ run }: Layout): string => join(run, "store", "store.sock");

/** Serves the operations of a store until it is stopped. */
export async function serveStoreOperations(
  operations: StoreOperations,
  path: string,
  { network, files, logger }: { network: Network; files: Files; logger: Logger },
): Promise<{ stop(): Promise<void> }> {
  await files.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await files.rm(path, { force: true });
  const server = network.http.createServer((request, response) => {
    answer(operations, request, response).catch((error: Error) => {
      logger.warn("an operation on the store failed", { path: request.url, error });
      // A snapshot that has begun has no other way to say so: its hash will be missing.
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { "content-type": "text/plain" }).end(error.message);
    });
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  return {
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(operations: StoreOperations, request: IncomingMessage, response: ServerResponse): Promise<void> {
  switch (`${request.method} ${request.url}`) {
    case "GET /status":
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify(await operations.status()));
      return;
    case "POST /defragment":
      await operations.defragment();
      response.writeHead(204).end();
      return;
    case "GET /snapshot":
      await operations.snapshot((chunk) => {
        if (response.destroyed) throw new Error("nobody waits for the snapshot any more");
        if (response.write(chunk)) return undefined;
        return new Promise<void>((resolve) => {
          response.once("drain", resolve);
          response.once("close", resolve);
        });
      });
      response.end();
      return;
    default:
      response.writeHead(404).end();
  }
}

/** The operations of a store in another process. */
export function remoteStoreOperations(path: string, network: Network): StoreOperations {
  const send = (method: string, url: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const request = network.http.request({ socketPath: path, method, path: url }, (response) => {
        if ((response.statusCode ?? 500) < 300) return resolve(response);
        text(response).then((message) => reject(new Error(message)), reject);
      });
      request.on("error", reject).end();
    });
  return {
    async status() {
      return JSON.parse(await text(await send("GET", "/status"))) as StoreStatus & { entries: number };
    },
    async snapshot(write) {
      for await (const chunk of await send("GET", "/snapshot")) await write(chunk as Buffer);
    },
    async defragment() {
      (await send("POST", "/defragment")).resume();
    },
    async close() {},
  };
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
