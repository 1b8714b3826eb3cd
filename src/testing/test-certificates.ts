import { issue, newAuthority } from "../base/x509.ts";

/** PEM of an authority, of a server certificate for this machine, and of an administrator. */
export interface TestCertificates {
  readonly authority: string;
  readonly server: { readonly certificate: string; readonly key: string };
  readonly admin: { readonly certificate: string; readonly key: string };
}

const YEAR_MS = 365 * 86_400_000;
/** They hold for as long as any test's time may run, before and after. */
const BEFORE_MS = 10 * YEAR_MS;
const AFTER_MS = 200 * YEAR_MS;

export function testCertificates(now: () => number): TestCertificates {
  const from = now() - BEFORE_MS;
  const authority = newAuthority({ commonName: "knarr-test-ca", now: from, validityMs: AFTER_MS });
  const certify = (usage: "client" | "server", commonName: string, organizations: string[]) => {
    const { certificatePem, privateKeyPem } = issue({
      authority,
      usages: [usage],
      commonName,
      organizations,
      notBefore: from,
      notAfter: from + AFTER_MS,
      ...(usage === "server" ? { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] } : {}),
    });
    return { certificate: certificatePem, key: privateKeyPem! };
  };
  return {
    authority: authority.certificatePem,
    server: certify("server", "kube-apiserver", []),
    admin: certify("client", "kubernetes-admin", ["system:masters"]),
  };
}
