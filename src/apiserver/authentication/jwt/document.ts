import type { IncomingMessage } from "node:http";
import { type Clock, deadline } from "../../../base/clock.ts";
import type { Network } from "../../../base/network.ts";

/** As upstream's client: how long one document may take, how often it may be elsewhere, and how long it may be. */
const TIMEOUT_MS = 30_000;
const MAX_REDIRECTS = 10;
const MAX_BYTES = 4 * 1024 * 1024;

/** Fetches an issuer's documents. Rejects where the answer is not 200, too long, or late. */
export interface DocumentFetcher {
  get(url: string, options?: { token?: string }): Promise<string>;
}

/** Over https only. `ca` is the PEM of the CAs to trust; absent: those of the system. */
export function documentFetcher(options: {
  network: Pick<Network, "https">;
  clock: Clock;
  ca?: string;
  signal?: AbortSignal;
}): DocumentFetcher {
  const { network, clock, ca } = options;
  const request = (url: URL, token: string | undefined, signal: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        accept: "application/json, */*",
        "user-agent": "kube-apiserver",
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      };
      // A connection of its own: documents are rare, and a kept connection would keep the server from stopping.
      const sent = network.https.request(url, { agent: false, headers, signal, ...(ca ? { ca } : {}) });
      sent.once("response", resolve);
      sent.once("error", reject);
      sent.end();
    });
  return {
    async get(given, { token } = {}) {
      const limit = deadline(clock, TIMEOUT_MS, options.signal);
      try {
        let url = new URL(given);
        for (let hops = 0; ; hops++) {
          if (url.protocol !== "https:") throw new Error(`${url} is not an https URL`);
          const response = await request(url, token, limit.signal);
          const { statusCode = 0, headers } = response;
          if (statusCode < 300 || statusCode >= 400 || !headers.location) {
            const text = await read(response);
            if (statusCode !== 200)
              throw new Error(`${statusCode} ${response.statusMessage ?? ""}: ${text.slice(0, 200)}`);
            return text;
          }
          response.resume();
          if (hops === MAX_REDIRECTS) throw new Error(`stopped after ${MAX_REDIRECTS} redirects`);
          const next = new URL(headers.location, url);
          // The token is for the host that was named, nobody else.
          if (next.host !== url.host) token = undefined;
          url = next;
        }
      } catch (error) {
        throw new Error(`Get ${JSON.stringify(given)}: ${(error as Error).message}`, { cause: error });
      } finally {
        limit.dispose();
      }
    },
  };
}

async function read(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BYTES) {
      response.destroy();
      throw new Error(`the document is longer than ${MAX_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
