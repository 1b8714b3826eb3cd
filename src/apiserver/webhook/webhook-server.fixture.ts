import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { systemClock } from "../../base/clock.ts";
import { issue, newAuthority } from "../../base/x509.ts";

const DAY_MS = 86_400_000;

export interface WebhookRequest {
  readonly path: string;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: unknown;
  /** The name of the client certificate, if one was shown. */
  readonly client: string | undefined;
}
/** A string is sent as it is; undefined: no answer at all. */
export type WebhookAnswer = { status?: number; headers?: Record<string, string>; body: unknown } | undefined;

export interface TestWebhook {
  readonly port: number;
  /** Base64 of PEM. */
  readonly caBundle: string;
  readonly requests: WebhookRequest[];
  /** How many connections were accepted. */
  readonly connections: number;
  /** Cuts the connections, as a crash does. */
  cut(): void;
  stop(): Promise<void>;
}

/** A webhook on a free port of 127.0.0.1, under the names `localhost` and those given. */
export async function testWebhook(
  answer: (request: WebhookRequest) => WebhookAnswer | Promise<WebhookAnswer>,
  dnsNames: readonly string[] = [],
): Promise<TestWebhook> {
  const now = systemClock().now();
  const authority = newAuthority({ commonName: "webhook-ca", now, validityMs: DAY_MS });
  const { certificatePem, privateKeyPem } = issue({
    authority,
    commonName: "webhook",
    usages: ["server"],
    dnsNames: ["localhost", ...dnsNames],
    ipAddresses: ["127.0.0.1"],
    notBefore: now,
    notAfter: now + DAY_MS,
  });
  const requests: WebhookRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer(
    { cert: certificatePem, key: privateKeyPem, requestCert: true, rejectUnauthorized: false },
    async (request, response) => {
      let text = "";
      request.setEncoding("utf8");
      for await (const chunk of request) text += chunk;
      const client = (request.socket as TLSSocket).getPeerCertificate().subject?.CN as string | undefined;
      const seen = {
        path: request.url ?? "",
        headers: request.headers,
        body: text ? JSON.parse(text) : undefined,
        client,
      };
      requests.push(seen);
      const answered = await answer(seen);
      if (!answered) return;
      response.writeHead(answered.status ?? 200, { "content-type": "application/json", ...answered.headers });
      response.end(typeof answered.body === "string" ? answered.body : JSON.stringify(answered.body));
    },
  );
  server.on("connection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port,
    caBundle: Buffer.from(authority.certificatePem).toString("base64"),
    requests,
    get connections() {
      return connections;
    },
    cut,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
