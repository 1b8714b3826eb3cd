import type { AdmissionPlugin } from "./admission.ts";
import { refusal } from "./refusal.ts";

/** AlwaysAdmit: nothing is refused; deprecated upstream, as it has no effect. */
export const alwaysAdmit: AdmissionPlugin = { name: "AlwaysAdmit", handles: () => false };

/** AlwaysDeny: nothing is written; deprecated upstream, for tests. */
export const alwaysDeny: AdmissionPlugin = {
  name: "AlwaysDeny",
  handles: () => true,
  validate(attributes) {
    throw refusal(attributes, "admission control is denying all modifications");
  },
};
