/**
 * How a client reaches an API server. Two implementations: over HTTPS, and in-process (the server's whole filter chain,
 * without sockets or TLS). Both carry the same requests and give the same answers; one contract suite runs on both.
 */
export interface Transport {
  /** Sends one request. Rejects only when no answer came (connection refused, aborted); an error status is an answer. */
  request(request: TransportRequest): Promise<TransportResponse>;
  /** Releases connections. Running requests are aborted. */
  close(): Promise<void>;
}

export interface TransportRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS";
  /** The path with its query, percent-encoded: `/api/v1/pods?watch=1`. */
  path: string;
  /** Names in lower case. */
  headers?: Record<string, string>;
  body?: Uint8Array | string;
  signal?: AbortSignal;
}

export interface TransportResponse {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** Must be read to its end or cancelled by the request's signal. A break out of the iteration cancels it too. */
  body: AsyncIterable<Uint8Array>;
}

/** The whole body as text (UTF-8). */
export async function readBody(response: TransportResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
