import { decodeValue, type Expected } from "../codec/decode.ts";
import { zeroObject } from "../codec/field-presence.ts";
import { DecodeError } from "../codec/normalize.ts";
import { timeOf } from "../codec/time.ts";
import { jsonEqual } from "../json-equal.ts";
import { apiVersionOf, type UnknownObject } from "../object.ts";
import { type StructType, schemaOf } from "../schema/schema.ts";
import { badRequest, StatusError } from "../status-error.ts";
import type { ManagedFieldsEntry } from "../types/meta.v1.ts";
import { changedFields, compare, excluding } from "./compare.ts";
import { type Conflict, conflictError } from "./conflict.ts";
import { difference, EMPTY, type FieldSet, intersection, isEmpty, recursiveDifference, union } from "./field-set.ts";
import { annotateLastApplied, lastAppliedFields } from "./last-applied.ts";
import {
  isSameManager,
  type Manager,
  readManagers,
  withFields,
  withoutManagedFields,
  withoutUnowned,
  writeManagers,
} from "./managed-fields.ts";
import { mergeApplied, removeFields } from "./merge.ts";
import { ownedFields, withNamedFields } from "./owned-fields.ts";
import { recordUpdate } from "./track-update.ts";
import { checkTyped, TypedError } from "./typed.ts";

export interface ApplyRequest {
  /** The stored object in the version of `expected`; undefined where it does not exist yet. */
  readonly live: UnknownObject | undefined;
  /** The configuration as parsed from the body: partial, not decoded. */
  readonly applied: UnknownObject;
  readonly manager: string;
  readonly force: boolean;
  /** The kind, and for a custom resource its schema. */
  readonly expected: Expected;
  readonly subresource?: string;
  /** What a write through this path never owns. */
  readonly resetFields?: FieldSet;
  /** Wall time in ms. */
  readonly now: number;
}

export interface Applied {
  /** Decoded, but without defaults; still with the live object's managed fields. */
  readonly object: UnknownObject;
  /** To be set as `metadata.managedFields`; undefined: none. */
  readonly managedFields: ManagedFieldsEntry[] | undefined;
}

/**
 * Server-side apply (https://kubernetes.io/docs/reference/using-api/server-side-apply/): merges the configuration into the
 * live object, removes what the manager applied before and no longer does and nobody else owns, and records ownership.
 * Throws a StatusError: 409 with a cause per field where another manager owns what would change (unless `force`), 400 for
 * another kind or version, 500 (as upstream) for a configuration that does not fit the schema.
 */
export function applyPatch(request: ApplyRequest): Applied {
  const { expected, applied, manager } = request;
  const gvk = `${asText(applied.apiVersion)}, Kind=${asText(applied.kind)}`;
  if (applied.apiVersion !== apiVersionOf(expected) || applied.kind !== expected.kind) {
    throw badRequest(`invalid object type: ${gvk}`);
  }
  if (applied.metadata?.managedFields) throw badRequest("metadata.managedFields must be nil");
  const schema = expected.schema ?? schemaOf(expected);
  const name = `${asText(applied.metadata?.namespace)}/${asText(applied.metadata?.name)}; ${gvk}`;
  try {
    checkTyped(applied, schema);
  } catch (error) {
    if (!(error instanceof TypedError)) throw error;
    throw failure(`failed to create typed patch object (${name}): ${error.message}`);
  }
  const { object: changed, managedFields } = resolve(request, schema);
  let object = changed ?? request.live!;
  if (manager === "kubectl") object = annotateLastApplied(object, applied);
  // What was not changed is in good form already.
  if (!schema || object === request.live) return { object, managedFields };
  try {
    const decoded = decodeValue(object, expected, { strict: false, converted: true });
    return { object: decoded.object, managedFields };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw failure(
      `failed to convert new object (${name}) to proper version: unable to convert unstructured object to ${gvk}: ${error.message}`,
    );
  }
}

/** What should be a text, and is not known to be one yet; anything else counts as none, as upstream's. */
const asText = (value: unknown): string => (typeof value === "string" ? value : "");

const failure = (message: string) =>
  new StatusError({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: "",
    code: 500,
  });

interface Outcome {
  /** Undefined where nothing changed. */
  readonly object: UnknownObject | undefined;
  readonly managedFields: ManagedFieldsEntry[] | undefined;
}

/** Applies; kubectl's own client-side apply of earlier is no reason for a conflict with its server-side apply. */
function resolve(request: ApplyRequest, schema: StructType | undefined): Outcome {
  const result = attempt(request, schema, request.force);
  if (!("conflicts" in result)) return result;
  if (request.manager === "kubectl" && request.live) {
    const allowed = lastAppliedFields(request.live, schema);
    const left = result.conflicts
      .map((conflict) => ({ ...conflict, fields: allowed ? difference(conflict.fields, allowed) : conflict.fields }))
      .filter(({ fields }) => !isEmpty(fields));
    if (left.length > 0) throw conflictError(left);
    const forced = attempt(request, schema, true);
    if (!("conflicts" in forced)) return forced;
  }
  throw conflictError(result.conflicts);
}

function attempt(
  { live: stored, applied, manager, expected, subresource = "", resetFields = EMPTY, now }: ApplyRequest,
  schema: StructType | undefined,
  force: boolean,
): Outcome | { conflicts: Conflict[] } {
  const apiVersion = apiVersionOf(expected);
  const zero = () => (schema ? zeroObject(schema) : {}) as UnknownObject;
  const live = stored ? withoutManagedFields(stored) : zero();
  const known = readManagers(stored?.metadata?.managedFields, true) ?? [];
  const before =
    known.length > 0 || !stored
      ? known
      : recordUpdate([], compare(zero(), live, schema), {
          // An object that nothing is known of was written before the first application.
          manager: "before-first-apply",
          apiVersion,
          subresource,
          resetFields,
          now,
        });

  const own: Manager = {
    manager: manager || "unknown",
    operation: "Apply",
    apiVersion,
    subresource,
    time: timeOf(now),
    fields: recursiveDifference(ownedFields(applied, schema), resetFields),
  };
  const previous = before.find((one) => isSameManager(one, own));
  const others = before.filter((one) => one !== previous);
  const merged = mergeApplied(live, applied, schema);
  const object = prune(merged, previous, [...others, own], schema) as UnknownObject;

  const differs = excluding(compare(live, object, schema), resetFields);
  const changed = changedFields(differs);
  const conflicts = others
    .map((owner) => ({ manager: owner, fields: intersection(owner.fields, changed) }))
    .filter(({ fields }) => !isEmpty(fields));
  if (conflicts.length > 0 && !force) return { conflicts };

  const noChange = jsonEqual(live, object);
  const left = others.map((one) => withFields(one, difference(difference(one.fields, changed), differs.removed)));
  const entry: Manager = {
    ...own,
    time: noChange ? previous?.time : own.time,
    fields: withoutUnowned(own.fields),
  };
  return { object: noChange && stored ? undefined : object, managedFields: writeManagers([...left, entry]) };
}

/**
 * Removes from the merged object what the manager owned by its last application and owns no longer, except for what
 * somebody else owns, and for maps and list items that hold something of somebody else.
 */
function prune(
  merged: unknown,
  previous: Manager | undefined,
  managers: readonly Manager[],
  schema: StructType | undefined,
): unknown {
  if (!previous || isEmpty(previous.fields)) return merged;
  const full = (fields: FieldSet) => withNamedFields(fields, schema);
  const last = full(previous.fields);
  const without = (value: unknown, fields: FieldSet) => removeFields(value, fields, schema) ?? {};
  const all = full(ownedFields(merged, schema));

  const bare = without(merged, last);
  const owned = managers.reduce((set, { fields }) => union(set, fields), EMPTY);
  const kept = union(full(ownedFields(bare, schema)), full(owned));
  const restored = without(merged, difference(all, kept));
  const left = full(ownedFields(restored, schema));
  return without(merged, intersection(difference(all, left), last));
}
