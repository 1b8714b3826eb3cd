/** The entries of `metadata.managedFields`: who owns which fields, by which kind of operation. */
import type { KubeObject } from "../object.ts";
import type { ManagedFieldsEntry } from "../types/meta.v1.ts";
import { inElementOrder } from "./element-order.ts";
import { difference, type FieldSet, isEmpty, parseFieldSet, setOfPath, union } from "./field-set.ts";

export type Operation = "Apply" | "Update";

/** One manager of an object. Never changed. */
export interface Manager {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** When it last took fields; absent where it only ever agreed with what was there. */
  readonly time: string | undefined;
  readonly fields: FieldSet;
  /** The entry that this was read from. */
  readonly entry?: ManagedFieldsEntry;
}

/** Whether two entries are of one and the same manager: an applier is told by its name, an updater by its version too. */
export function isSameManager(a: Omit<Manager, "fields" | "time">, b: Omit<Manager, "fields" | "time">): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === "Apply" || a.apiVersion === b.apiVersion)
  );
}

/** A manager's identity as a text, by which upstream puts managers in order. */
export function managerId({ manager, operation, apiVersion, subresource }: Omit<Manager, "fields" | "time">): string {
  return JSON.stringify({
    manager,
    operation,
    ...(operation === "Update" ? { apiVersion } : {}),
    ...(subresource === "" ? {} : { subresource }),
  });
}

/** What no manager owns: the server sets it. */
const UNOWNED: FieldSet = [
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["f:metadata", `f:${name}`]),
].reduce((set, path) => union(set, setOfPath(path)), {} as FieldSet);

export const withoutUnowned = (fields: FieldSet): FieldSet => difference(fields, UNOWNED);

/**
 * The managers of `entries`; undefined where these are not valid. Entries that were `stored` are taken to have canonical
 * sets, as all have that are written here; others are put into that form.
 */
export function readManagers(
  entries: readonly ManagedFieldsEntry[] | undefined,
  stored: boolean,
): readonly Manager[] | undefined {
  const managers: Manager[] = [];
  for (const entry of entries ?? []) {
    const { operation, fieldsType, fieldsV1 = {} } = entry;
    if ((operation !== "Apply" && operation !== "Update") || fieldsType !== "FieldsV1") return undefined;
    let fields = fieldsV1 as FieldSet;
    if (!stored) {
      try {
        fields = parseFieldSet(fieldsV1);
      } catch (error) {
        if (error instanceof TypeError) return undefined;
        throw error;
      }
    }
    managers.push({
      manager: entry.manager ?? "",
      operation,
      apiVersion: entry.apiVersion ?? "",
      subresource: entry.subresource ?? "",
      time: entry.time,
      fields,
      entry: stored ? entry : undefined,
    });
  }
  return managers;
}

/** The entries as they are stored: without empty ones, in upstream's order; undefined where there are none. */
export function writeManagers(managers: readonly Manager[]): ManagedFieldsEntry[] | undefined {
  const kept = managers.filter(({ fields }) => !isEmpty(fields)).sort(compareManagers);
  if (kept.length === 0) return undefined;
  return kept.map((one): ManagedFieldsEntry => {
    if (one.entry) return one.entry;
    return {
      manager: one.manager,
      operation: one.operation,
      apiVersion: one.apiVersion,
      ...(one.time === undefined ? {} : { time: one.time }),
      fieldsType: "FieldsV1",
      fieldsV1: inElementOrder(one.fields) as ManagedFieldsEntry["fieldsV1"],
      ...(one.subresource === "" ? {} : { subresource: one.subresource }),
    };
  });
}

function compareManagers(a: Manager, b: Manager): number {
  return (
    order(a.operation, b.operation) ||
    seconds(a) - seconds(b) ||
    order(a.manager, b.manager) ||
    order(a.apiVersion, b.apiVersion) ||
    order(a.subresource, b.subresource)
  );
}
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const seconds = ({ time }: Manager) => (time === undefined ? 0 : Math.floor(Date.parse(time) / 1000));

/** The manager with other fields; its time is kept. */
export function withFields(manager: Manager, fields: FieldSet): Manager {
  return fields === manager.fields ? manager : { ...manager, fields, entry: undefined };
}

const MOST_UPDATERS = 10;

/**
 * Where more than ten managers have updated the object, the oldest are joined, per version, under the name
 * "ancient-changes".
 */
export function capUpdaters(managers: readonly Manager[]): readonly Manager[] {
  let surplus = -MOST_UPDATERS;
  for (const { operation } of managers) if (operation === "Update") surplus++;
  if (surplus <= 0) return managers;
  const oldestFirst = managers
    .filter(({ operation }) => operation === "Update")
    .sort((a, b) => seconds(a) - seconds(b) || order(managerId(a), managerId(b)));
  const kept = new Set(managers);
  /** Per version: the first manager met, and what took its place once a second was. */
  const buckets = new Map<string, Manager>();
  for (const updater of oldestFirst) {
    if (surplus === 0) break;
    const bucket = buckets.get(updater.apiVersion);
    if (!bucket) {
      buckets.set(updater.apiVersion, updater);
      continue;
    }
    const joined: Manager = {
      manager: "ancient-changes",
      operation: "Update",
      apiVersion: updater.apiVersion,
      subresource: "",
      time: updater.time,
      fields: union(bucket.fields, updater.fields),
    };
    kept.delete(bucket);
    kept.delete(updater);
    kept.add(joined);
    buckets.set(updater.apiVersion, joined);
    surplus--;
  }
  return [...kept];
}

/** The object without its managed fields, sharing the rest. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (object.metadata?.managedFields === undefined) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}
