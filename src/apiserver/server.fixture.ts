import { generateKeyPairSync } from "node:crypto";
import { systemClock } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/logger.ts";
import { systemRandom } from "../base/random.ts";
import { client } from "../client/api-client.ts";
import { readBody, type TransportRequest } from "../client/transport.ts";
import { memoryStore } from "../store/memory.ts";
import { type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
export const SIGNING_KEY = privateKey.export({ type: "pkcs8", format: "pem" });
export const ADMIN = { name: "admin", groups: ["system:masters"] };

/** A server over an empty memory store. */
export function testServer(options: Partial<ApiServerOptions> = {}, logger: Logger = silentLogger): ApiServer {
  const clock = options.clock ?? systemClock();
  return createApiServer({
    store: memoryStore(),
    clock,
    random: systemRandom(),
    logger,
    security: { serviceAccounts: { issuers: ["https://kubernetes.default.svc"], signingKey: SIGNING_KEY } },
    externalAddress: "127.0.0.1:6443",
    freeze: true,
    ...options,
  });
}

export const adminClient = (server: ApiServer) => client(server.transport(ADMIN));

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** The body as JSON; throws where it is none. */
  readonly json: T;
}

/** Sends one request in-process and reads the whole answer. */
export async function send<T = Record<string, unknown>>(
  server: ApiServer,
  method: TransportRequest["method"],
  path: string,
  body?: unknown,
  options: { user?: { name: string; groups: string[] }; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const response = await server.transport(options.user ?? ADMIN).request({
    method,
    path,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...options.headers },
    body: body === undefined || typeof body === "string" ? (body as string | undefined) : JSON.stringify(body),
  });
  const text = await readBody(response);
  return {
    status: response.status,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text) as T;
    },
  };
}
