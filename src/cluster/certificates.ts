import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { type Files, isNotFound } from "../base/files.ts";
import {
  type AlternativeNames,
  type Authority,
  issue,
  loadAuthority,
  newAuthority,
  newKeyPair,
  parseCertificate,
  privateKeyPem,
  publicKeyPem,
  type Subject,
} from "../base/x509.ts";

/** Certificates and keys in PEM, with the files that hold them (kubeadm's names where it has one). */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface ClusterCertificates {
  /** What clients verify the API server with, and the server its clients. */
  readonly authority: string;
  readonly authorityFile: string;
  /** Its private key, PEM: for whoever signs certificates for the cluster. */
  readonly authorityKeyFile: string;
  /** The API server's own. */
  readonly apiserver: KeyedCertificate;
  /** What the API server shows to kubelets. */
  readonly kubeletClient: KeyedCertificate;
  /** What extension servers verify the front proxy with: whoever has a certificate of it speaks for any user. */
  readonly frontProxyAuthority: string;
  /** What the API server shows to extension servers. */
  readonly frontProxyClient: KeyedCertificate;
  /** The administrator: `system:masters`. */
  readonly admin: KeyedCertificate;
  /** Signs ServiceAccount tokens. */
  readonly serviceAccountKeyFile: string;
  readonly serviceAccountPublicKeyFile: string;
  /** The client and serving certificates of one node's components. */
  node(name: string, address: string): Promise<NodeCertificates>;
}

export interface NodeCertificates {
  readonly kubelet: KeyedCertificate;
  readonly kubeletServing: KeyedCertificate;
  readonly proxy: KeyedCertificate;
  readonly dns: KeyedCertificate;
}

/** The name of the API server's certificate as a front proxy. */
export const FRONT_PROXY = "front-proxy-client";

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
const LEAF_DAYS = 365;
/** Leaves are renewed at a start when they hold no longer than this. */
const RENEW_DAYS = 90;

/**
 * Reads the cluster's certificates from `directory`, making what is missing, about to expire, or lacks a name that is now
 * needed. Keys are readable by root alone; the authorities are never replaced once they are there.
 */
export async function clusterCertificates(options: {
  files: Files;
  clock: Clock;
  directory: string;
  /** Names and addresses that clients use for the API server. */
  serverNames: Required<AlternativeNames>;
}): Promise<ClusterCertificates> {
  const { files, clock, directory, serverNames } = options;
  await files.mkdir(directory, { recursive: true, mode: 0o700 });
  const path = (name: string) => join(directory, name);
  const authority = await loadOrMakeAuthority(files, clock, path("ca"), "kubernetes");
  const frontProxyAuthority = await loadOrMakeAuthority(files, clock, path("front-proxy-ca"), "front-proxy-ca");

  const leaf = async (
    name: string,
    usage: "client" | "server",
    subject: Subject & AlternativeNames,
    issuer = authority,
  ): Promise<KeyedCertificate> => {
    const [certificateFile, keyFile] = [path(`${name}.crt`), path(`${name}.key`)];
    const present = await readPair(files, certificateFile, keyFile);
    if (present && stillGood(present.certificate, subject, clock.now()))
      return { ...present, certificateFile, keyFile };
    const made = issue({
      authority: issuer,
      ...subject,
      usages: [usage],
      notBefore: clock.now() - 5 * 60_000,
      notAfter: clock.now() + LEAF_DAYS * DAY_MS,
    });
    await files.writeAtomic(keyFile, made.privateKeyPem!);
    await files.writeAtomic(certificateFile, made.certificatePem);
    return { certificate: made.certificatePem, key: made.privateKeyPem!, certificateFile, keyFile };
  };

  const [serviceAccountKeyFile, serviceAccountPublicKeyFile] = [path("sa.key"), path("sa.pub")];
  if (!(await readPair(files, serviceAccountPublicKeyFile, serviceAccountKeyFile))) {
    const { privateKey, publicKey } = newKeyPair();
    await files.writeAtomic(serviceAccountKeyFile, privateKeyPem(privateKey));
    await files.writeAtomic(serviceAccountPublicKeyFile, publicKeyPem(publicKey));
  }
  return {
    authority: authority.certificatePem,
    authorityFile: path("ca.crt"),
    authorityKeyFile: path("ca.key"),
    apiserver: await leaf("apiserver", "server", { commonName: "kube-apiserver", ...serverNames }),
    kubeletClient: await leaf("apiserver-kubelet-client", "client", {
      commonName: "kube-apiserver-kubelet-client",
      organizations: ["system:masters"],
    }),
    frontProxyAuthority: frontProxyAuthority.certificatePem,
    frontProxyClient: await leaf("front-proxy-client", "client", { commonName: FRONT_PROXY }, frontProxyAuthority),
    admin: await leaf("admin", "client", { commonName: "kubernetes-admin", organizations: ["system:masters"] }),
    serviceAccountKeyFile,
    serviceAccountPublicKeyFile,
    async node(name, address) {
      return {
        kubelet: await leaf(`${name}-kubelet`, "client", {
          commonName: `system:node:${name}`,
          organizations: ["system:nodes"],
        }),
        kubeletServing: await leaf(`${name}-kubelet-serving`, "server", {
          commonName: `system:node:${name}`,
          organizations: ["system:nodes"],
          dnsNames: [name, "localhost"],
          ipAddresses: [address, "127.0.0.1"],
        }),
        proxy: await leaf(`${name}-kube-proxy`, "client", { commonName: "system:kube-proxy" }),
        dns: await leaf(`${name}-dns`, "client", {
          commonName: "system:serviceaccount:kube-system:coredns",
          organizations: ["system:serviceaccounts", "system:serviceaccounts:kube-system"],
        }),
      };
    },
  };
}

async function loadOrMakeAuthority(files: Files, clock: Clock, base: string, commonName: string): Promise<Authority> {
  const present = await readPair(files, `${base}.crt`, `${base}.key`);
  if (present) return loadAuthority(present.certificate, present.key);
  const authority = newAuthority({ commonName, now: clock.now(), validityMs: AUTHORITY_DAYS * DAY_MS });
  await files.writeAtomic(`${base}.key`, privateKeyPem(authority.privateKey));
  await files.writeAtomic(`${base}.crt`, authority.certificatePem, { mode: 0o644 });
  return authority;
}

async function readPair(files: Files, certificateFile: string, keyFile: string) {
  try {
    const [certificate, key] = await Promise.all([
      files.readFile(certificateFile, "utf8"),
      files.readFile(keyFile, "utf8"),
    ]);
    return { certificate, key };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function stillGood(certificate: string, wanted: Subject & AlternativeNames, now: number): boolean {
  const info = parseCertificate(certificate);
  const covers = (have: readonly string[], need: readonly string[] = []) => need.every((name) => have.includes(name));
  return (
    info.notAfter - now > RENEW_DAYS * DAY_MS &&
    info.commonName === wanted.commonName &&
    covers(info.organizations, wanted.organizations) &&
    covers(info.dnsNames, wanted.dnsNames) &&
    covers(info.ipAddresses, wanted.ipAddresses)
  );
}
