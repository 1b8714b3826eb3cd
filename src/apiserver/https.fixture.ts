import { systemClock } from "../base/clock.ts";
import { silentLogger } from "../base/logger.ts";
import { systemNetwork } from "../base/network.ts";
import { issue, newAuthority } from "../base/x509.ts";
import type { ListenOptions } from "./http/listener.ts";
import { testServer } from "./server.fixture.ts";
import type { ApiServer, ApiServerOptions } from "./server.ts";

const DAY_MS = 86_400_000;

/** A CA with what a server and its clients need. */
export function testCertificates() {
  const now = systemClock().now();
  const period = { notBefore: now, notAfter: now + DAY_MS };
  const authority = newAuthority({ commonName: "ca", now, validityMs: DAY_MS });
  const server = (commonName: string) =>
    issue({
      authority,
      commonName,
      usages: ["server"],
      ipAddresses: ["127.0.0.1"],
      dnsNames: ["localhost"],
      ...period,
    });
  const user = (commonName: string, organizations: string[] = []) =>
    issue({ authority, commonName, organizations, usages: ["client"], ...period });
  return { authority, server, user };
}

export interface HttpsServer {
  server: ApiServer;
  port: number;
  certificates: ReturnType<typeof testCertificates>;
}

/** A server that listens on a free port of the loopback address. */
export async function httpsServer(
  options: Partial<ApiServerOptions> = {},
  listening: Partial<ListenOptions> = {},
): Promise<HttpsServer> {
  const certificates = testCertificates();
  const { certificatePem, privateKeyPem } = certificates.server("kube-apiserver");
  const server = testServer({ network: systemNetwork, ...options }, silentLogger);
  const { port } = await server.listen({
    host: "127.0.0.1",
    port: 0,
    certificate: certificatePem,
    key: privateKeyPem!,
    clientCa: certificates.authority.certificatePem,
    ...listening,
  });
  return { server, port, certificates };
}
