import type { WriteContext } from "../../resource-definition.ts";
import { deviceClasses, resourceClaims, resourceClaimTemplates, resourceSlices } from "../../resource-types.ts";
import type {
  DeviceClaim,
  DeviceClass,
  DeviceSubRequest,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from "../../types/resource.v1.ts";
import { ageColumn, column, nameColumn } from "../columns.ts";
import { define } from "../define.ts";
import { canonical } from "../quantities.ts";
import { resetMetadataForStatus } from "../status-metadata.ts";
import { timestamp } from "../timestamp.ts";
import { validateClaimStatusUpdate } from "./claim-status-validation.ts";
import {
  validateClaimCreate,
  validateClaimUpdate,
  validateDeviceClass,
  validateTemplateCreate,
  validateTemplateUpdate,
} from "./claim-validation.ts";
import { claimTemplateVersions, claimVersions, deviceClassVersions, sliceVersions } from "./old-versions.ts";
import { validateSlice, validateSliceUpdate } from "./slice-validation.ts";

export const deviceClass = define<DeviceClass>({
  conversions: deviceClassVersions,
  type: deviceClasses,
  singular: "deviceclass",
  validate: validateDeviceClass,
  columns: [nameColumn, ageColumn],
  generation: true,
});

export const resourceClaim = define<ResourceClaim>({
  conversions: claimVersions,
  type: resourceClaims,
  singular: "resourceclaim",
  validateCreate: validateClaimCreate,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
  columns: [nameColumn, column("State", "Whether it is allocated, and reserved for a pod.", claimState), ageColumn],
  hasStatus: true,
  generation: false,
  defaults(claim) {
    claim.spec ??= {};
    defaultDevices(claim.spec.devices);
  },
  prepareForCreate(claim) {
    claim.status = {};
  },
  prepareForStatusUpdate: resetMetadataForStatus,
});

export const resourceClaimTemplate = define<ResourceClaimTemplate>({
  conversions: claimTemplateVersions,
  type: resourceClaimTemplates,
  singular: "resourceclaimtemplate",
  validateCreate: validateTemplateCreate,
  validateUpdate: validateTemplateUpdate,
  columns: [nameColumn, ageColumn],
  defaults(template) {
    template.spec ??= { spec: {} };
    template.spec.metadata ??= {};
    template.spec.spec ??= {};
    defaultDevices(template.spec.spec.devices);
  },
});

export const resourceSlice = define<ResourceSlice>({
  conversions: sliceVersions,
  type: resourceSlices,
  singular: "resourceslice",
  validate: validateSlice,
  validateUpdate: validateSliceUpdate,
  columns: [
    nameColumn,
    column("Node", "Node that has the devices.", ({ spec }) => spec?.nodeName ?? ""),
    column("Driver", "Driver that publishes them.", ({ spec }) => spec?.driver ?? ""),
    column("Pool", "Pool that they are part of.", ({ spec }) => spec?.pool?.name ?? ""),
    ageColumn,
  ],
  defaults(slice) {
    for (const device of slice.spec?.devices ?? []) {
      for (const capacity of Object.values(device.capacity ?? {})) {
        if (capacity?.value != null) capacity.value = canonical(capacity.value);
      }
      for (const mapping of Object.values(device.nodeAllocatableResourceMappings ?? {})) {
        mapping.allocationMultiplier = canonical(mapping.allocationMultiplier ?? "1");
      }
    }
    for (const { counters } of slice.spec?.sharedCounters ?? []) {
      for (const counter of Object.values(counters ?? {})) counter.value = canonical(counter.value);
    }
  },
  prepareForCreate: stampTaints,
  prepareForUpdate: (slice, _old, context) => stampTaints(slice, context),
  generation: true,
  selectableFields: {
    "spec.driver": (slice) => slice.spec?.driver ?? "",
    "spec.nodeName": (slice) => slice.spec?.nodeName ?? "",
  },
});

function defaultDevices(devices: DeviceClaim | undefined): void {
  for (const request of devices?.requests ?? []) {
    if (request.exactly) defaultRequest(request.exactly);
    for (const alternative of request.firstAvailable ?? []) defaultRequest(alternative);
  }
}

function defaultRequest(request: Omit<DeviceSubRequest, "name">): void {
  request.allocationMode ||= "ExactCount";
  if (request.allocationMode === "ExactCount") request.count ||= 1;
  for (const toleration of request.tolerations ?? []) toleration.operator ||= "Equal";
}

/** A taint without a time was added now. */
function stampTaints(slice: ResourceSlice, { now }: WriteContext): void {
  for (const { taints } of slice.spec?.devices ?? []) {
    for (const taint of taints ?? []) taint.timeAdded ??= timestamp(now);
  }
}

function claimState({ metadata, status }: ResourceClaim): string {
  const states: string[] = [];
  if (metadata?.deletionTimestamp) states.push("deleted");
  else if (!status?.allocation) states.push("pending");
  if (status?.allocation) {
    states.push("allocated");
    if (status.reservedFor?.length) states.push("reserved");
  }
  return states.join(",");
}
