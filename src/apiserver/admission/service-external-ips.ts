import { services } from "../../api/resource-types.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, stored, written } from "./refusal.ts";

/** DenyServiceExternalIPs: no new external addresses in Services, by which one could catch others' traffic (CVE-2020-8554). */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: "DenyServiceExternalIPs",
  handles: (attributes) =>
    (attributes.operation === "CREATE" || attributes.operation === "UPDATE") && concerns(attributes, services),
  validate(attributes) {
    const before = attributes.operation === "UPDATE" ? (stored<Service>(attributes).spec?.externalIPs ?? []) : [];
    const added = (written<Service>(attributes).spec?.externalIPs ?? []).filter((address) => !before.includes(address));
    if (added.length > 0) throw refusal(attributes, "Use of external IPs is denied by admission control.");
  },
};
