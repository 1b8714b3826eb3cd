import { certificateSigningRequests, subjectAccessReviews } from "../../api/resource-types.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { KUBELET_CLIENT, SIGNERS } from "./signers.ts";
import { conditionOf, contentOf, withCondition } from "./signing-requests.ts";

/**
 * Approves the client certificates of kubelets: of a node that renews its own, and of one that joins, where RBAC lets
 * the requester do so (https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/).
 */
export const approvingController: ControllerDefinition = {
  name: "certificatesigningrequest-approving-controller",
  alias: "csrapproving",
  serviceAccount: "certificate-controller",
  create,
};

/** The ways in, the narrower first: what one must be allowed to create, and whom it is for. */
const RECOGNIZERS = [
  {
    subresource: "selfnodeclient",
    message: "Auto approving self kubelet client certificate after SubjectAccessReview.",
    fits: (request: CertificateSigningRequest, commonName: string) => request.spec.username === commonName,
  },
  {
    subresource: "nodeclient",
    message: "Auto approving kubelet client certificate after SubjectAccessReview.",
    fits: () => true,
  },
] as const;

function create(context: ControllerContext) {
  const { client, clock, informers, settings } = context;
  const informer = informers.informer(certificateSigningRequests);
  const controller = keyedController(context, {
    name: "certificatesigningrequest-approving-controller",
    workers: settings.concurrentSyncs,
    reconcile,
  });
  const enqueue = ({ metadata }: CertificateSigningRequest) => controller.queue.add(metadata?.name ?? "");
  informer.on({ add: enqueue, update: (_, request) => enqueue(request) });

  async function isAllowed({ spec }: CertificateSigningRequest, subresource: string, signal: AbortSignal) {
    const { username, uid, groups, extra } = spec;
    const review = await client.resource(subjectAccessReviews).create(
      {
        spec: {
          ...(username === undefined ? {} : { user: username }),
          ...(uid === undefined ? {} : { uid }),
          ...(groups ? { groups } : {}),
          ...(extra ? { extra } : {}),
          resourceAttributes: {
            group: "certificates.k8s.io",
            version: "*",
            resource: "certificatesigningrequests",
            verb: "create",
            subresource,
          },
        },
      },
      { signal },
    );
    return review.status?.allowed === true;
  }

  async function reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    const request = informer.get(name);
    if (!request || request.status?.certificate || request.spec.signerName !== KUBELET_CLIENT) return undefined;
    if (conditionOf(request, "Approved") || conditionOf(request, "Denied")) return undefined;
    const signer = SIGNERS.find((one) => one.name === KUBELET_CLIENT)!;
    const content = contentOf(request);
    if (signer.refusal(content, request.spec.usages ?? []) !== undefined) return undefined;
    let tried = false;
    for (const { subresource, message, fits } of RECOGNIZERS) {
      if (!fits(request, content.commonName)) continue;
      tried = true;
      if (!(await isAllowed(request, subresource, signal))) continue;
      const approved = withCondition(request, "Approved", "AutoApproved", message, clock.now());
      await client
        .resource(certificateSigningRequests)
        .updateSubresource(name, undefined, "approval", approved, { signal });
      return undefined;
    }
    // RBAC may not be there yet when a node joins a cluster that just starts.
    if (tried) throw new Error("recognized csr as a kubelet's but subject access review was not approved");
    return undefined;
  }
  return controller;
}
