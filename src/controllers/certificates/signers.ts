import type { CertificateRequest } from "../../base/x509.ts";

/** What each of the built-in signers demands of a request (https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers). */
export interface Signer {
  readonly name: string;
  /** Why it does not sign this request; undefined where it does. */
  refusal(request: CertificateRequest, usages: readonly string[]): string | undefined;
}

const NODE_GROUP = "system:nodes";
const NODE_PREFIX = "system:node:";

export const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";

const onlyUsages = (usages: readonly string[], required: string): string | undefined => {
  const allowed = ["digital signature", "key encipherment", required];
  const fits = usages.includes(required) && usages.every((usage) => allowed.includes(usage));
  if (fits) return undefined;
  return `usages did not match [${required}], beside which only digital signature and key encipherment are allowed`;
};

/** Kubelets' certificates name the node: one organization, and the node's user. */
function nodeSubject({ organizations, commonName }: CertificateRequest): string | undefined {
  if (organizations.length !== 1 || organizations[0] !== NODE_GROUP) {
    return "subject organization is not system:nodes";
  }
  return commonName.startsWith(NODE_PREFIX) ? undefined : "subject common name does not begin with system:node:";
}

const hasNames = (request: CertificateRequest) => request.dnsNames.length + request.ipAddresses.length > 0;
const hasOddNames = (request: CertificateRequest) => request.emailAddresses.length + request.uris.length > 0;
/** The attributes of a subject that certificates made here can carry: CN and O. */
const CARRIED = new Set(["2.5.4.3", "2.5.4.10"]);
const carried = (request: CertificateRequest) =>
  request.subject.every(([type]) => CARRIED.has(type)) && !hasOddNames(request)
    ? undefined
    : "only a common name, organizations, DNS names and IP addresses can be certified";

export const SIGNERS: readonly Signer[] = [
  {
    name: "kubernetes.io/kube-apiserver-client",
    refusal: (request, usages) => onlyUsages(usages, "client auth") ?? carried(request),
  },
  {
    name: KUBELET_CLIENT,
    refusal: (request, usages) =>
      nodeSubject(request) ??
      (hasNames(request) || hasOddNames(request) ? "subject alternative names are not allowed" : undefined) ??
      onlyUsages(usages, "client auth") ??
      carried(request),
  },
  {
    name: "kubernetes.io/kubelet-serving",
    refusal: (request, usages) =>
      nodeSubject(request) ??
      (hasOddNames(request) ? "email and URI subject alternative names are not allowed" : undefined) ??
      (hasNames(request) ? undefined : "at least one DNS or IP subject alternative name is required") ??
      onlyUsages(usages, "server auth") ??
      carried(request),
  },
];
