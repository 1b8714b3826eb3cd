import type { IncomingMessage, RequestOptions } from "node:http";
import type { HTTPGetAction } from "../../api/types/core.v1.ts";
import { type Clock, deadline } from "../../base/clock.ts";
import type { Network } from "../../base/network.ts";
import type { ProbeOutcome } from "./probe-result.ts";

/** As much of a response's body as a probe's message may show. */
const BODY_LIMIT = 10 * 1024;
const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface HttpGetOptions {
  network: Network;
  clock: Clock;
  timeoutMs: number;
  userAgent: string;
}
export interface HttpAnswer {
  status: number;
  body: string;
  /** The headers' Location, where the redirect was not followed since it leads to another host. */
  leftAt?: string;
}

/** The address of an httpGet action, with `host` where it names none. */
export function httpUrl(action: HTTPGetAction, host: string, port: number): URL {
  const scheme = (action.scheme ?? "HTTP").toLowerCase();
  const name = action.host || host;
  const path = action.path ?? "/";
  return new URL(
    `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}${path.startsWith("/") ? "" : "/"}${path}`,
  );
}

/** One GET with the action's headers; certificates are not verified, redirects within the host are followed. */
export async function httpGet(url: URL, action: HTTPGetAction, options: HttpGetOptions): Promise<HttpAnswer> {
  const headers: Record<string, string | string[]> = {
    "user-agent": options.userAgent,
    accept: "*/*",
    connection: "close",
  };
  for (const { name, value } of action.httpHeaders ?? []) {
    const key = name.toLowerCase();
    const present = headers[key];
    // The user's own Accept or User-Agent replaces ours; empty, it is not sent.
    if (key === "user-agent" || key === "accept" || present === undefined) headers[key] = value;
    else headers[key] = [present, value].flat();
    if (value === "" && (key === "user-agent" || key === "accept")) delete headers[key];
  }
  const limit = deadline(options.clock, options.timeoutMs);
  try {
    let target = url;
    for (let hop = 0; ; hop++) {
      const response = await request(target, headers, limit.signal, options.network);
      const status = response.statusCode ?? 0;
      const location = response.headers.location;
      if (!REDIRECTS.has(status) || !location) return { status, body: await readLimited(response) };
      response.destroy();
      const next = new URL(location, target);
      if (next.hostname !== target.hostname) return { status, body: "", leftAt: next.href };
      if (hop === MAX_REDIRECTS) throw new Error(`Get "${target.href}": stopped after ${MAX_REDIRECTS} redirects`);
      target = next;
    }
  } catch (error) {
    throw new Error(`Get "${url.href}": ${describe(error as NodeJS.ErrnoException, limit.signal)}`, { cause: error });
  } finally {
    limit.dispose();
  }
}

/** An httpGet probe: success for a status from 200 to 399. */
export async function probeHttp(url: URL, action: HTTPGetAction, options: HttpGetOptions): Promise<ProbeOutcome> {
  let answer: HttpAnswer;
  try {
    answer = await httpGet(url, action, options);
  } catch (error) {
    return { result: "failure", output: (error as Error).message };
  }
  if (answer.leftAt) return { result: "warning", output: `Probe terminated redirects, Response body: ${answer.body}` };
  if (answer.status >= 200 && answer.status < 400) return { result: "success", output: answer.body };
  return { result: "failure", output: `HTTP probe failed with statuscode: ${answer.status}` };
}

function request(
  url: URL,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
  network: Network,
): Promise<IncomingMessage> {
  const { http, https } = network;
  const options: RequestOptions = { method: "GET", headers, signal, agent: false };
  return new Promise((resolve, reject) => {
    const sent =
      url.protocol === "https:"
        ? https.request(url, { ...options, rejectUnauthorized: false }, resolve)
        : http.request(url, options, resolve);
    sent.on("error", reject);
    sent.end();
  });
}

async function readLimited(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= BODY_LIMIT) break;
  }
  return Buffer.concat(chunks).subarray(0, BODY_LIMIT).toString();
}

/** The failure in the words that Go's client has for it, since users search for these. */
function describe(error: NodeJS.ErrnoException & { address?: string; port?: number }, signal: AbortSignal): string {
  if (signal.aborted) return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
  return describeDial(error) ?? (error.code === "ECONNRESET" ? "EOF" : error.message);
}

/** A failed connect in Go's words; undefined where `error` is something else. */
export function describeDial(error: NodeJS.ErrnoException & { address?: string; port?: number }): string | undefined {
  const causes: Record<string, string> = {
    ECONNREFUSED: "connect: connection refused",
    EHOSTUNREACH: "connect: no route to host",
    ENETUNREACH: "connect: network is unreachable",
    ETIMEDOUT: "connect: connection timed out",
  };
  const cause = causes[error.code ?? ""];
  if (!cause || error.syscall !== "connect") return undefined;
  const address = error.address?.includes(":") ? `[${error.address}]` : error.address;
  return `dial tcp ${address}:${error.port}: ${cause}`;
}
