import { checkDnsLabel } from "../../names.ts";
import type { FieldError } from "../../resource-definition.ts";
import { deviceTaintRules } from "../../resource-types.ts";
import type { DeviceTaintRule } from "../../types/resource.v1alpha3.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { validateConditions } from "../condition-checks.ts";
import { define } from "../define.ts";
import { child, tooMany } from "../field-errors.ts";
import { sameShape } from "../same-shape.ts";
import { timestamp } from "../timestamp.ts";
import { addProblems } from "../value-checks.ts";
import { validateDriverName, validatePoolName, validateTaint } from "./device-checks.ts";

const CONDITION_LIMIT = 8;

/** A taint that an administrator puts on devices (KEP-5055). */
export const deviceTaintRule = define<DeviceTaintRule>({
  type: deviceTaintRules,
  singular: "devicetaintrule",
  hasStatus: true,
  columns: [nameColumn, ageColumn],
  defaults(rule) {
    rule.spec ??= {} as DeviceTaintRule["spec"];
    rule.spec.taint ??= { key: "", effect: "" };
    rule.status ??= {};
  },
  prepareForCreate(rule, { now }) {
    rule.status = {};
    rule.spec.taint.timeAdded ??= timestamp(now);
  },
  prepareForUpdate(rule, old, { now }) {
    const { taint } = rule.spec;
    const before = old.spec.taint;
    // The time is that of the effect: a client that changes one and not the other means a new time.
    if (taint.effect !== before.effect && taint.timeAdded === before.timeAdded) taint.timeAdded = timestamp(now);
    taint.timeAdded ??= timestamp(now);
  },
  validate({ spec }) {
    const errors: FieldError[] = [];
    const { driver, pool, device } = spec.deviceSelector ?? {};
    const path = "spec.deviceSelector";
    if (driver != null) validateDriverName(driver, child(path, "driver"), errors);
    if (pool != null) validatePoolName(pool, child(path, "pool"), errors);
    if (device != null) addProblems(checkDnsLabel(device), child(path, "device"), device, errors);
    validateTaint(spec.taint, "spec.taint", errors);
    return errors;
  },
  validateStatusUpdate({ status }) {
    const path = "status.conditions";
    const count = status?.conditions?.length ?? 0;
    const errors = validateConditions(status?.conditions, path);
    return count > CONDITION_LIMIT ? [...errors, tooMany(path, count, CONDITION_LIMIT)] : errors;
  },
  conversions: { v1beta2: sameShape("resource.k8s.io", "v1beta2", "v1alpha3") },
});
