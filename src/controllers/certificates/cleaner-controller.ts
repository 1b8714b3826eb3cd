import { certificateSigningRequests } from "../../api/resource-types.ts";
import { isNotFound } from "../../api/status-error.ts";
import type { CertificateSigningRequest } from "../../api/types/certificates.v1.ts";
import { parseCertificate } from "../../base/x509.ts";
import type { ReconcileResult } from "../../client/controller-loop.ts";
import { type ControllerContext, type ControllerDefinition, keyedController } from "../controller.ts";
import { conditionOf } from "./signing-requests.ts";

/** Deletes signing requests that have served their time. */
export const cleanerController: ControllerDefinition = {
  name: "certificatesigningrequest-cleaner-controller",
  alias: "csrcleaner",
  serviceAccount: "certificate-controller",
  create,
};

const HOUR_MS = 3_600_000;
const PENDING_MS = 24 * HOUR_MS;
const ENDED_MS = HOUR_MS;

/** When the request may go, in ms of wall time. */
export function removableAt(request: CertificateSigningRequest): number {
  const created = Date.parse(request.metadata?.creationTimestamp ?? "");
  const { certificate } = request.status ?? {};
  const updated = (condition: { lastUpdateTime?: string } | undefined) =>
    condition?.lastUpdateTime === undefined ? undefined : Date.parse(condition.lastUpdateTime) + ENDED_MS;
  const approved = conditionOf(request, "Approved");
  const ends = [
    updated(conditionOf(request, "Denied")),
    updated(conditionOf(request, "Failed")),
    certificate ? updated(approved) : undefined,
    approved ? undefined : created + PENDING_MS,
    certificate ? expiryOf(certificate) : undefined,
    // Approved, but never signed.
    approved && !certificate ? created + PENDING_MS : undefined,
  ];
  return Math.min(...ends.filter((end) => end !== undefined));
}

const expiryOf = (certificate: string): number =>
  parseCertificate(Buffer.from(certificate, "base64").toString("utf8")).notAfter;

function create(context: ControllerContext) {
  const { client, clock, informers } = context;
  const informer = informers.informer(certificateSigningRequests);
  const controller = keyedController(context, { name: "certificatesigningrequest-cleaner-controller", reconcile });
  const enqueue = ({ metadata }: CertificateSigningRequest) => controller.queue.add(metadata?.name ?? "");
  informer.on({ add: enqueue, update: (_, request) => enqueue(request) });

  async function reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const request = informer.get(name);
    if (!request) return undefined;
    const left = removableAt(request) - clock.now();
    if (left > 0) return { requeueAfterMs: left };
    await client
      .resource(certificateSigningRequests)
      .delete(name, undefined, { signal })
      .catch((error) => {
        if (!isNotFound(error)) throw error;
      });
    return undefined;
  }
  return controller;
}
