import { semanticEqual } from "../../api/json-equal.ts";
import type { UnknownObject } from "../../api/object.ts";
import { clusterTrustBundlesCertificatesV1beta1 } from "../../api/resource-types.ts";
import type { Authorizer } from "../authorization.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { maySigner } from "./certificates.ts";
import { concerns, refusal } from "./refusal.ts";

/** ClusterTrustBundleAttest: who writes the trust anchors of a signer must have the verb `attest` on it (KEP-3257). */
export function clusterTrustBundleAttest({ authorizer }: { authorizer: Authorizer }): AdmissionPlugin {
  return {
    name: "ClusterTrustBundleAttest",
    handles: (attributes) =>
      (attributes.operation === "CREATE" || attributes.operation === "UPDATE") &&
      concerns(attributes, clusterTrustBundlesCertificatesV1beta1),
    async validate(attributes) {
      const { object, oldObject } = attributes;
      const signerName = (object?.spec as { signerName?: string } | undefined)?.signerName;
      if (!signerName || (oldObject && onlyMetadata(object, oldObject))) return;
      if (await maySigner(authorizer, attributes.user, "attest", signerName)) return;
      throw refusal(attributes, `user not permitted to attest for signerName ${JSON.stringify(signerName)}`);
    },
  };
}

/** Storage migration and garbage collection go on without the verb. */
const onlyMetadata = (object: UnknownObject | undefined, old: UnknownObject) => semanticEqual(object?.spec, old.spec);
