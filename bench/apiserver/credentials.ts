import { writeFile } from "node:fs/promises";
import { issue, newAuthority, newKeyPair, privateKeyPem } from "../../src/base/x509.ts";

/** What a client shows, and whom it trusts. */
export interface Credentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

const DAY_MS = 86_400_000;

/** Makes a CA, leaves the server's files in `directory`, and issues client certificates. */
export async function testAuthority(
  directory: string,
): Promise<(commonName: string, organizations?: string[]) => Credentials> {
  const now = Date.now();
  const period = { notBefore: now, notAfter: now + DAY_MS };
  const authority = newAuthority({ commonName: "ca", now, validityMs: DAY_MS });
  const server = issue({
    authority,
    commonName: "kube-apiserver",
    usages: ["server"],
    ipAddresses: ["127.0.0.1"],
    ...period,
  });
  const files = {
    "ca.crt": authority.certificatePem,
    "server.crt": server.certificatePem,
    "server.key": server.privateKeyPem!,
    "sa.key": privateKeyPem(newKeyPair().privateKey),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(`${directory}/${name}`, text);
  return (commonName, organizations = []) => {
    const leaf = issue({ authority, commonName, organizations, usages: ["client"], ...period });
    return { ca: authority.certificatePem, cert: leaf.certificatePem, key: leaf.privateKeyPem! };
  };
}
