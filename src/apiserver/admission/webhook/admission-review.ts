import type { UnknownObject } from "../../../api/object.ts";
import type { Status } from "../../../api/types/meta.v1.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { requestVariable } from "../matching/request-variable.ts";
import type { VersionedObjects } from "../matching/versioned-objects.ts";

/** The versions of AdmissionReview that are spoken, the better one first. */
const VERSIONS = ["v1", "v1beta1"] as const;
export type ReviewVersion = (typeof VERSIONS)[number];

/** The first of a webhook's versions that is known. Throws where there is none. */
export function reviewVersion(accepted: readonly string[]): ReviewVersion {
  const found = accepted.find((one): one is ReviewVersion => (VERSIONS as readonly string[]).includes(one));
  if (!found) throw new Error("webhook does not accept known AdmissionReview versions (v1, v1beta1)");
  return found;
}

/** The AdmissionReview by which a webhook is asked about a write. */
export function admissionReview(
  attributes: AdmissionAttributes,
  shown: VersionedObjects,
  uid: string,
  version: ReviewVersion,
): object {
  return {
    kind: "AdmissionReview",
    apiVersion: `admission.k8s.io/${version}`,
    request: {
      uid,
      ...requestVariable(attributes, shown),
      object: shown.object ?? null,
      oldObject: shown.oldObject ?? null,
    },
  };
}

/** What a webhook answered, checked. */
export interface ReviewAnswer {
  readonly allowed: boolean;
  readonly result: Status | undefined;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
  /** The text of a JSON patch. */
  readonly patch: string | undefined;
  readonly patchType: string;
}

interface RawResponse {
  uid?: unknown;
  allowed?: unknown;
  status?: unknown;
  patch?: unknown;
  patchType?: unknown;
  auditAnnotations?: unknown;
  warnings?: unknown;
}

/** Checks the answer to a review as upstream does; the rules of v1beta1 are looser. Throws an Error that says what is wrong. */
export function reviewAnswer(
  answer: unknown,
  expected: { uid: string; version: ReviewVersion; mutating: boolean },
): ReviewAnswer {
  const { version, uid, mutating } = expected;
  const review = (typeof answer === "object" && answer !== null ? answer : {}) as UnknownObject;
  const response = review["response"] as RawResponse | null | undefined;
  if (typeof response !== "object" || response === null) throw new Error("webhook response was absent");
  const patch = typeof response.patch === "string" && response.patch !== "" ? response.patch : undefined;
  let patchType = typeof response.patchType === "string" ? response.patchType : undefined;
  if (version === "v1") {
    const got = response.uid ?? "";
    if (got !== uid) throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(got)}`);
    checkKind(review);
    if (mutating) checkPatch(patch, patchType);
    else if (patch) throw new Error("validating webhook may not return response.patch");
    else if (patchType !== undefined) throw new Error("validating webhook may not return response.patchType");
  } else if (patch) {
    patchType = "JSONPatch";
  }
  return {
    allowed: response.allowed === true,
    result: (response.status ?? undefined) as Status | undefined,
    warnings: Array.isArray(response.warnings) ? response.warnings.map(String) : [],
    auditAnnotations: (response.auditAnnotations ?? {}) as Record<string, string>,
    patch: patch && mutating ? Buffer.from(patch, "base64").toString("utf8") : undefined,
    patchType: patchType ?? "",
  };
}

function checkKind({ apiVersion = "", kind = "" }: UnknownObject): void {
  if (apiVersion === "admission.k8s.io/v1" && kind === "AdmissionReview") return;
  const got = `${apiVersion === "" ? "/" : apiVersion}, Kind=${kind}`;
  throw new Error(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${got}`);
}

function checkPatch(patch: string | undefined, patchType: string | undefined): void {
  if (patch && patchType === undefined) {
    throw new Error("webhook returned response.patch but not response.patchType");
  }
  if (!patch && patchType !== undefined) {
    throw new Error("webhook returned response.patchType but not response.patch");
  }
  if (patchType === "") throw new Error('webhook returned invalid response.patchType of ""');
}
