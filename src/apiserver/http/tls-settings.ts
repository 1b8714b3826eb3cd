/** The TLS versions and cipher suites as Go, and so upstream's flags, name them, in Node's terms. */

const VERSIONS = { VersionTLS12: "TLSv1.2", VersionTLS13: "TLSv1.3" } as const;

export type TlsVersion = (typeof VERSIONS)[keyof typeof VERSIONS];

/** Throws for an unknown version, and for those that are not safe any more. */
export function tlsVersion(name: string): TlsVersion {
  if (name === "VersionTLS10" || name === "VersionTLS11") {
    throw new Error(`--tls-min-version: ${name} is not supported: it is not safe any more`);
  }
  if (!Object.hasOwn(VERSIONS, name)) throw new Error(`unknown tls version ${JSON.stringify(name)}`);
  return VERSIONS[name as keyof typeof VERSIONS];
}

const TLS13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

const TLS12: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: "ECDHE-ECDSA-AES256-GCM-SHA384",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-ECDSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "ECDHE-RSA-AES128-GCM-SHA256",
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: "ECDHE-RSA-AES256-GCM-SHA384",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: "ECDHE-RSA-CHACHA20-POLY1305",
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: "ECDHE-ECDSA-AES128-SHA",
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: "ECDHE-ECDSA-AES256-SHA",
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: "ECDHE-RSA-AES128-SHA",
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: "ECDHE-RSA-AES256-SHA",
};

/** OpenSSL's list of these suites. Those of TLS 1.3 are always on, as Go does not let them be chosen either. Throws for unknown ones. */
export function cipherList(names: readonly string[]): string {
  const ciphers = names.flatMap((name) => {
    if (TLS13.includes(name)) return [];
    const cipher = TLS12[name];
    if (!cipher) throw new Error(`Cipher suite ${name} not supported or doesn't exist`);
    return [cipher];
  });
  return [...TLS13, ...new Set(ciphers)].join(":");
}
