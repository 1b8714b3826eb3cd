import { jsonEqual, semanticEqual } from "../../json-equal.ts";
import type { FieldError } from "../../resource-definition.ts";
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from "../../types/resource.v1.ts";
import { validateConditions } from "../condition-checks.ts";
import { validateNodeSelector } from "../core/scheduling-validation.ts";
import { child, forbidden, invalid, notSupported, required, tooMany } from "../field-errors.ts";
import { IMMUTABLE, validateLabelName } from "../value-checks.ts";
import { requestNames, validateRequestName, validateRequestNames } from "./claim-validation.ts";
import {
  validateBindingConditions,
  validateConfiguration,
  validateDriverName,
  validateItems,
  validateObject,
  validatePoolName,
  validateSet,
  validateTolerations,
} from "./device-checks.ts";

const MAX_CONSUMERS = 256;
const MAX_RESULTS = 32;
const MAX_CONFIGURATIONS = 64;
const MAX_CONDITIONS = 8;
const MAX_DATA = 10 * 1024;

type Device = Pick<AllocatedDeviceStatus, "driver" | "pool" | "device" | "shareID">;
const deviceKey = ({ driver, pool, device, shareID }: Device) =>
  [driver, pool, device, ...(shareID ? [shareID] : [])].join("/");

/** An allocation is made once and for all; who uses it may change as long as it stands. */
export function validateClaimStatusUpdate(claim: ResourceClaim, old: ResourceClaim): FieldError[] {
  const errors: FieldError[] = [];
  const { allocation, reservedFor = [], devices } = claim.status ?? {};
  const reserved = "status.reservedFor";
  validateSet(
    reservedFor,
    MAX_CONSUMERS,
    ({ uid }) => uid,
    reserved,
    errors,
    (consumer, path) => {
      for (const name of ["resource", "name", "uid"] as const) {
        if (!consumer[name]) errors.push(required(child(path, name)));
      }
    },
  );
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceKey));
  validateSet(devices, Number.POSITIVE_INFINITY, deviceKey, "status.devices", errors, (device, path) =>
    validateDeviceStatus(device, allocated, path, errors),
  );
  if (reservedFor.length > 0 && !allocation) {
    errors.push(forbidden(reserved, "may not be specified when `allocated` is not set"));
  } else if (claim.metadata?.deletionTimestamp) {
    const before = old.status?.reservedFor ?? [];
    if (reservedFor.some((consumer) => !before.some((other) => jsonEqual(other, consumer)))) {
      const detail = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set";
      errors.push(forbidden(reserved, detail));
    }
  }
  if (!allocation) return errors;
  if (!old.status?.allocation) validateAllocation(allocation, requestNames(claim.spec.devices ?? {}), errors);
  else if (!semanticEqual(allocation, old.status.allocation)) {
    errors.push(invalid("status.allocation", allocation, IMMUTABLE));
  }
  return errors;
}

function validateAllocation(
  { devices, nodeSelector }: AllocationResult,
  names: ReadonlySet<string>,
  errors: FieldError[],
): void {
  const path = "status.allocation";
  validateItems(devices?.results, MAX_RESULTS, child(path, "devices", "results"), errors, (result, field) =>
    validateResult(result, names, field, errors),
  );
  const config = child(path, "devices", "config");
  validateItems(devices?.config, MAX_CONFIGURATIONS, config, errors, (item, field) => {
    const sources = ["FromClass", "FromClaim"];
    if (!item.source) errors.push(required(child(field, "source")));
    else if (!sources.includes(item.source)) {
      errors.push(notSupported(child(field, "source"), item.source, ["FromClaim", "FromClass"]));
    }
    validateRequestNames(item.requests, names, child(field, "requests"), errors);
    validateConfiguration(item, field, errors);
  });
  if (nodeSelector) validateNodeSelector(nodeSelector, child(path, "nodeSelector"), errors);
}

function validateResult(
  result: DeviceRequestAllocationResult,
  names: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  validateRequestName(result.request ?? "", names, child(path, "request"), errors);
  validateDevice(result, path, errors);
  validateBindingConditions(result, path, errors);
  validateTolerations(result.tolerations, child(path, "tolerations"), errors);
}

function validateDevice({ driver, pool, device }: Device, path: string, errors: FieldError[]): void {
  validateDriverName(driver ?? "", child(path, "driver"), errors);
  validatePoolName(pool, child(path, "pool"), errors);
  validateLabelName(device ?? "", child(path, "device"), errors);
}

function validateDeviceStatus(
  status: AllocatedDeviceStatus,
  allocated: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  validateDevice(status, path, errors);
  if (!allocated.has(deviceKey(status))) {
    errors.push(invalid(path, deviceKey(status), "must be an allocated device in the claim"));
  }
  const count = status.conditions?.length ?? 0;
  if (count > MAX_CONDITIONS) errors.push(tooMany(child(path, "conditions"), count, MAX_CONDITIONS));
  errors.push(...validateConditions(status.conditions, child(path, "conditions")));
  if (status.data != null) validateObject(status.data, MAX_DATA, child(path, "data"), errors);
}
