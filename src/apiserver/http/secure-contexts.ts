import { X509Certificate } from "node:crypto";
import type { SecureContext, SecureContextOptions } from "node:tls";
import type { Network } from "../../base/network.ts";
import type { TlsMaterial } from "./listener.ts";

/** The options of TLS for a certificate and the CAs of clients. */
export function secureContext({
  certificate,
  key,
  clientCa,
  requestHeaderCa,
}: Pick<TlsMaterial, "certificate" | "key" | "clientCa" | "requestHeaderCa">): SecureContextOptions {
  const authorities = [clientCa, requestHeaderCa].filter((ca) => ca !== undefined);
  return { cert: certificate, key, ...(authorities.length > 0 ? { ca: authorities } : {}) };
}

/**
 * Chooses among the further certificates by the name that a client asks for: the first whose names have it, or cover it
 * with `*.`. Undefined: the ordinary one. Throws for certificates that can't be used.
 */
export function namedContexts(
  material: TlsMaterial,
  secured: (material: TlsMaterial) => SecureContextOptions,
  network: Pick<Network, "tls">,
): (name: string) => SecureContext | undefined {
  const contexts = new Map<string, SecureContext>();
  for (const { certificate, key, names } of material.sni ?? []) {
    const context = network.tls.createSecureContext(secured({ ...material, certificate, key }));
    for (const name of names.length > 0 ? names : namesIn(certificate)) {
      const known = name.toLowerCase();
      if (!contexts.has(known)) contexts.set(known, context);
    }
  }
  return (asked) => {
    if (contexts.size === 0) return undefined;
    const name = asked.toLowerCase();
    return contexts.get(name) ?? contexts.get(name.replace(/^[^.]*/, "*"));
  };
}

/** The DNS names of a certificate (PEM), or its common name where it has none. */
function namesIn(certificate: string): string[] {
  const { subjectAltName = "", subject } = new X509Certificate(certificate);
  const names = [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map(([, name]) => name!);
  const commonName = /^CN=(.+)$/m.exec(subject)?.[1];
  return names.length > 0 || !commonName ? names : [commonName];
}
