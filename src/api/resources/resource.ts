import { deviceClasses, resourceClaims, resourceClaimTemplates, resourceSlices } from "../resource-types.ts";
import type { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from "../types/resource.v1.ts";
import { define } from "./define.ts";

export const deviceClass = define<DeviceClass>({ type: deviceClasses, singular: "deviceclass", generation: true });

export const resourceClaim = define<ResourceClaim>({
  type: resourceClaims,
  singular: "resourceclaim",
  hasStatus: true,
  generation: false,
});

export const resourceClaimTemplate = define<ResourceClaimTemplate>({
  type: resourceClaimTemplates,
  singular: "resourceclaimtemplate",
});

export const resourceSlice = define<ResourceSlice>({
  type: resourceSlices,
  singular: "resourceslice",
  generation: true,
  selectableFields: {
    "spec.driver": (slice) => slice.spec?.driver ?? "",
    "spec.nodeName": (slice) => slice.spec?.nodeName ?? "",
  },
});
