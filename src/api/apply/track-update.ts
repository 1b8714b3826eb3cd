import { zeroObject } from "../codec/field-presence.ts";
import { timeOf } from "../codec/time.ts";
import { jsonEqual } from "../json-equal.ts";
import type { UnknownObject } from "../object.ts";
import type { StructType } from "../schema/schema.ts";
import type { ManagedFieldsEntry } from "../types/meta.v1.ts";
import { type Comparison, changedFields, compare, excluding, isSame } from "./compare.ts";
import { difference, EMPTY, type FieldSet, isEmpty, setOfPath, union } from "./field-set.ts";
import {
  capUpdaters,
  isSameManager,
  type Manager,
  readManagers,
  withFields,
  withoutManagedFields,
  withoutUnowned,
  writeManagers,
} from "./managed-fields.ts";

export interface TrackedUpdate {
  /** The object before; undefined for a creation. */
  readonly live: UnknownObject | undefined;
  /** The object to be written, defaulted, in the version of `apiVersion`. */
  readonly updated: UnknownObject;
  /** The field manager, or the user agent's part before the first slash; "unknown" where it is empty. */
  readonly manager: string;
  /** Of the request: entries remember it. */
  readonly apiVersion: string;
  /** Undefined for a custom resource without a schema. */
  readonly schema: StructType | undefined;
  readonly subresource?: string;
  /** What a write through this path never owns, such as `.status` of the object itself. */
  readonly resetFields?: FieldSet;
  /** Wall time in ms. */
  readonly now: number;
}

/**
 * The managed fields of an object after a create, update or patch: the writer owns what it changed, others lose that.
 * Nothing changed means the entries stay as they are, time included. The result is to be set as
 * `metadata.managedFields` (undefined: none), whatever `updated` carries there.
 */
export function trackUpdate(update: TrackedUpdate): ManagedFieldsEntry[] | undefined {
  const before = managersBefore(update);
  const live = update.live ?? (update.schema ? zeroObject(update.schema) : {});
  const comparison = compare(
    withoutManagedFields(live as UnknownObject),
    withoutManagedFields(update.updated),
    update.schema,
  );
  const after = recordUpdate(before.managers, comparison, update);
  return after === before.managers && before.entries ? before.entries : writeManagers(after);
}

/** The managers after a writer changed `comparison`; the very same list where that changes nothing. */
export function recordUpdate(
  managers: readonly Manager[],
  comparison: Comparison,
  writer: Pick<TrackedUpdate, "manager" | "apiVersion" | "subresource" | "resetFields" | "now">,
): readonly Manager[] {
  const differs = excluding(comparison, writer.resetFields ?? EMPTY);
  if (isSame(differs)) return managers;
  const changed = changedFields(differs);
  const own: Manager = {
    manager: writer.manager || "unknown",
    operation: "Update",
    apiVersion: writer.apiVersion,
    subresource: writer.subresource ?? "",
    time: timeOf(writer.now),
    fields: withoutUnowned(changed),
  };
  let earlier: FieldSet = EMPTY;
  const takesFields = !isEmpty(own.fields);
  const others: Manager[] = [];
  for (const manager of managers) {
    const left = difference(difference(manager.fields, changed), differs.removed);
    if (takesFields && isSameManager(manager, own)) earlier = union(earlier, left);
    else if (!isEmpty(left)) others.push(withFields(manager, left));
  }
  if (takesFields) others.push({ ...own, fields: union(earlier, own.fields) });
  return capUpdaters(others);
}

/** Where the bookkeeping starts: the entries sent along where they are usable, else those of the live object. */
function managersBefore({ live, updated, subresource }: TrackedUpdate): {
  managers: readonly Manager[];
  entries?: ManagedFieldsEntry[];
} {
  const stored = live?.metadata?.managedFields;
  const fallback = () => {
    const managers = readManagers(stored, true);
    return managers && stored ? { managers, entries: stored } : { managers: managers ?? [] };
  };
  const sent = updated.metadata?.managedFields;
  if (subresource || !sent || sent.length === 0 || sent === stored || jsonEqual(sent, stored)) return fallback();
  // One empty entry asks for the bookkeeping to start anew.
  if (sent.length === 1 && Object.keys(sent[0]!).length === 0) return { managers: [] };
  const managers = readManagers(sent, false);
  return managers ? { managers } : fallback();
}

/**
 * What a write through a path never owns, as upstream resets it: the status through the object itself (where status has a
 * subresource), the spec through the status subresource.
 */
export function resetFieldsOf(subresource: string | undefined, hasStatus: boolean): FieldSet {
  if (!subresource) return hasStatus ? STATUS : EMPTY;
  return subresource === "status" ? SPEC : EMPTY;
}
const STATUS = setOfPath(["f:status"]);
const SPEC = setOfPath(["f:spec"]);
