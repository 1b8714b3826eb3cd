import { certificateSigningRequests } from "../../api/resource-types.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import { issue, loadAuthority } from "../../base/x509.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { SIGNERS } from "./signers.ts";
import { conditionOf, contentOf, withCondition } from "./signing-requests.ts";

/** Signs approved requests with the cluster's authority, for the signers of kubernetes.io; without an authority: none. */
export const signingController: ControllerDefinition = {
  name: "certificatesigningrequest-signing-controller",
  alias: "csrsigning",
  serviceAccount: "certificate-controller",
  create,
};

/** A certificate begins to hold so long before it is signed, for clocks that lag. */
const BACKDATE_MS = 5 * 60_000;

function create(context: ControllerContext) {
  const { client, clock, informers, logger, settings } = context;
  const informer = informers.informer(certificateSigningRequests);
  const { clusterSigning } = settings;
  const authority = clusterSigning ? loadAuthority(clusterSigning.certificate, clusterSigning.key) : undefined;
  if (!authority) logger.info("no authority to sign certificates with: approved requests stay as they are");
  const controller = keyedController(context, {
    name: "certificatesigningrequest-signing-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = ({ metadata }: CertificateSigningRequest) => controller.queue.add(metadata?.name ?? "");
  if (authority) informer.on({ add: enqueue, update: (_, request) => enqueue(request) });

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const request = informer.get(name);
    const signer = SIGNERS.find((one) => one.name === request?.spec.signerName);
    if (!request || !signer || request.status?.certificate) return undefined;
    if (!conditionOf(request, "Approved") || conditionOf(request, "Denied") || conditionOf(request, "Failed")) {
      return undefined;
    }
    const resource = client.resource(certificateSigningRequests);
    const { usages = [], expirationSeconds } = request.spec;
    const now = clock.now();
    const content = contentOf(request);
    const refusal = signer.refusal(content, usages);
    if (refusal !== undefined) {
      await resource.updateStatus(withCondition(request, "Failed", "SignerValidationFailed", refusal, now), { signal });
      return undefined;
    }
    const askedMs = expirationSeconds === undefined ? settings.clusterSigningDurationMs : expirationSeconds * 1000;
    const { certificatePem } = issue({
      authority: authority!,
      usages: [usages.includes("server auth") ? "server" : "client"],
      commonName: content.commonName,
      organizations: content.organizations,
      dnsNames: content.dnsNames,
      ipAddresses: content.ipAddresses,
      publicKey: content.publicKey,
      notBefore: now - BACKDATE_MS,
      notAfter: now + Math.min(askedMs, settings.clusterSigningDurationMs),
    });
    const certificate = Buffer.from(certificatePem).toString("base64");
    await resource.updateStatus({ ...request, status: { ...request.status, certificate } }, { signal });
    return undefined;
  }
  return controller;
}
