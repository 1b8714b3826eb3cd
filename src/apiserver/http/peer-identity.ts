import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from "node:tls";
import { certificatesFromPem, isSignedBy } from "../../base/x509.ts";
import type { PeerIdentity } from "./request-lifetime.ts";

/**
 * Who is at the other end of a connection, found out once for each. The TLS layer verifies a client's certificate against
 * all CAs together; where there are two kinds, which of them vouches for it is told apart here.
 */
export function peerIdentities(options: {
  clientCa?: string | Buffer;
  requestHeaderCa?: string;
}): (socket: TLSSocket) => PeerIdentity {
  const identities = new WeakMap<object, PeerIdentity>();
  const { clientCa, requestHeaderCa } = options;
  const clientAuthorities = requestHeaderCa && clientCa ? certificatesFromPem(clientCa.toString()) : undefined;
  const proxyAuthorities = requestHeaderCa ? certificatesFromPem(requestHeaderCa) : undefined;

  const verified = (socket: TLSSocket, raw: PeerCertificate["raw"]): PeerIdentity => {
    if (!proxyAuthorities) return { certificate: raw };
    const chain = chainOf(socket);
    const certificate = clientAuthorities && vouches(clientAuthorities, chain) ? { certificate: raw } : undefined;
    const proxy = vouches(proxyAuthorities, chain) ? { proxyCertificate: raw } : undefined;
    const error = certificate ? undefined : { certificateError: "x509: certificate signed by unknown authority" };
    return { ...certificate, ...proxy, ...error };
  };
  return (socket) => {
    let identity = identities.get(socket);
    if (!identity) {
      const raw = socket.getPeerCertificate?.()?.raw;
      identity = {
        remoteAddress: socket.remoteAddress,
        ...(!raw
          ? {}
          : socket.authorized
            ? verified(socket, raw)
            : { certificateError: String(socket.authorizationError) }),
      };
      identities.set(socket, identity);
    }
    return identity;
  };
}

/** The certificate and those above it, each signed by the next, as far as the client has sent them. */
function chainOf(socket: TLSSocket): Buffer[] {
  const chain: Buffer[] = [];
  let at: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (at?.raw && !chain.some((one) => one.equals(at!.raw))) {
    const below = chain.at(-1);
    if (below && !signed(below, at.raw)) break;
    chain.push(at.raw);
    at = at.issuerCertificate;
  }
  return chain;
}

const vouches = (authorities: readonly Buffer[], chain: readonly Buffer[]): boolean =>
  chain.some((certificate) => authorities.some((authority) => signed(certificate, authority)));

function signed(certificate: Buffer, authority: Buffer): boolean {
  try {
    return isSignedBy(certificate, authority);
  } catch {
    return false; // signed in a way that this authority can't have
  }
}
