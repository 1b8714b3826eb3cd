import { ageSince } from "../../age.ts";
import { semanticEqual } from "../../json-equal.ts";
import { checkDnsSubdomain } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { resourcePoolStatusRequests } from "../../resource-types.ts";
import type { PoolStatus, ResourcePoolStatusRequest } from "../../types/resource.v1alpha3.ts";
import { column, nameColumn } from "../columns.ts";
import { validateConditions } from "../condition-checks.ts";
import { define } from "../define.ts";
import { at, child, invalid, required, tooLong, tooMany } from "../field-errors.ts";
import { addProblems, IMMUTABLE, NOT_NEGATIVE } from "../value-checks.ts";
import { validatePoolName } from "./device-checks.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const MAX_CONDITIONS = 10;
const MAX_ERROR_BYTES = 256;

/** Asks once how many devices of a driver's pools are free (KEP-5677). */
export const resourcePoolStatusRequest = define<ResourcePoolStatusRequest>({
  type: resourcePoolStatusRequests,
  singular: "resourcepoolstatusrequest",
  hasStatus: true,
  generation: false,
  unconditionalUpdate: false,
  columns: [
    nameColumn,
    column("Driver", "Driver whose pools are asked for.", ({ spec }) => spec?.driver ?? ""),
    sumColumn("Total", "Devices of all pools.", ({ totalDevices }) => totalDevices),
    sumColumn("Available", "Free devices of all pools.", ({ availableDevices }) => availableDevices),
    sumColumn("Allocated", "Devices in use of all pools.", ({ allocatedDevices }) => allocatedDevices),
    sumColumn(
      "Unavailable",
      "Devices of all pools that can't be used.",
      ({ unavailableDevices }) => unavailableDevices,
    ),
    sumColumn("Errors", "Pools with errors.", ({ validationError }) => (validationError == null ? 0 : 1)),
    column("Pools", "How many pools there are.", ({ status }) => status?.poolCount ?? 0, "integer"),
    column("Status", "Whether it was answered.", (request) => {
      const { poolCount = 0, pools = [] } = request.status ?? {};
      if (isMet(request, "Complete")) {
        return poolCount > pools.length ? `Complete (${pools.length}/${poolCount} pools)` : "Complete";
      }
      return isMet(request, "Failed") ? "Failed" : "Pending";
    }),
    column("Completed", "Time since it was answered.", (request, now) => {
      const condition = isMet(request, "Complete");
      return condition ? ageSince(condition.lastTransitionTime, now) : "<none>";
    }),
  ],
  defaults(request) {
    if (request.spec) request.spec.limit ??= DEFAULT_LIMIT;
  },
  validateCreate({ spec }) {
    const errors: FieldError[] = [];
    validateDriver(spec?.driver, "spec.driver", errors);
    if (spec?.poolName != null) validatePoolName(spec.poolName, "spec.poolName", errors);
    const limit = spec?.limit ?? DEFAULT_LIMIT;
    if (limit < 1) errors.push(invalid("spec.limit", limit, "must be greater than or equal to 1"));
    if (limit > MAX_LIMIT) errors.push(invalid("spec.limit", limit, `must be less than or equal to ${MAX_LIMIT}`));
    return errors;
  },
  validateUpdate({ spec }, old) {
    return semanticEqual(spec, old.spec) ? [] : [invalid("spec", spec, IMMUTABLE)];
  },
  validateStatusUpdate({ status }, old) {
    if (old.status && !semanticEqual(status, old.status)) return [invalid("status", status, IMMUTABLE)];
    if (!status) return [];
    const errors: FieldError[] = [];
    const { poolCount, pools = [], conditions = [] } = status;
    if (poolCount == null) errors.push(required("status.poolCount"));
    else if (poolCount < 0) errors.push(invalid("status.poolCount", poolCount, NOT_NEGATIVE));
    if (pools.length > MAX_LIMIT) errors.push(tooMany("status.pools", pools.length, MAX_LIMIT));
    else for (const [index, pool] of pools.entries()) validatePool(pool, at("status.pools", index), errors);
    const path = "status.conditions";
    if (conditions.length > MAX_CONDITIONS) errors.push(tooMany(path, conditions.length, MAX_CONDITIONS));
    else errors.push(...validateConditions(conditions, path));
    return errors;
  },
});

function isMet({ status }: ResourcePoolStatusRequest, type: string) {
  return status?.conditions?.find((one) => one.type === type && one.status === "True");
}

/** A sum over the pools, once there is an answer that did not fail. */
function sumColumn(name: string, description: string, of: (pool: PoolStatus) => number | undefined) {
  return column<ResourcePoolStatusRequest>(name, description, (request) => {
    if (!request.status || (isMet(request, "Failed") && !isMet(request, "Complete"))) return "-";
    return String((request.status.pools ?? []).reduce((sum, pool) => sum + (of(pool) ?? 0), 0));
  });
}

function validateDriver(driver: string | undefined, path: string, errors: FieldError[]): void {
  if (!driver) errors.push(required(path));
  else addProblems(checkDnsSubdomain(driver.toLowerCase()), path, driver, errors);
}

function validatePool(pool: PoolStatus, path: string, errors: FieldError[]): void {
  validateDriver(pool.driver, child(path, "driver"), errors);
  validatePoolName(pool.poolName, child(path, "poolName"), errors);
  const counts = ["generation", "totalDevices", "allocatedDevices", "availableDevices", "unavailableDevices"] as const;
  for (const name of counts) {
    const count = pool[name];
    if (count != null && count < 0) errors.push(invalid(child(path, name), count, NOT_NEGATIVE));
  }
  const { resourceSliceCount, nodeName, validationError } = pool;
  if (resourceSliceCount != null && resourceSliceCount < 1) {
    const detail = "must be greater than or equal to 1";
    errors.push(invalid(child(path, "resourceSliceCount"), resourceSliceCount, detail));
  }
  if (nodeName != null) addProblems(checkDnsSubdomain(nodeName), child(path, "nodeName"), nodeName, errors);
  if (Buffer.byteLength(validationError ?? "") > MAX_ERROR_BYTES) {
    errors.push(tooLong(child(path, "validationError"), MAX_ERROR_BYTES));
  }
}
