import type { Decoded } from "../../api/codec/decode.ts";
import { selectorOf, selectorOfMap } from "../../api/label-selector.ts";
import type { UnknownObject } from "../../api/object.ts";
import { patchObject } from "../../api/patch/patch.ts";
import type { ScalePaths, TableColumn } from "../../api/resource-definition.ts";
import { ageColumn, column, nameColumn } from "../../api/resources/columns.ts";
import { invalid as invalidField } from "../../api/resources/field-errors.ts";
import { badRequest, internalError, invalid, notFound } from "../../api/status-error.ts";
import type { Scale } from "../../api/types/autoscaling.v1.ts";
import type { LabelSelector } from "../../api/types/meta.v1.ts";
import { cloneJson } from "../../base/clone.ts";
import { readPath, writePath } from "../field-path.ts";
import type { Reply } from "../http/exchange.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import { applyTo, readConfiguration } from "./apply.ts";
import { decodeBody, MAX_BODY_BYTES } from "./decode-body.ts";
import { trackOwners } from "./field-owners.ts";
import { resourceVersion } from "./list-options.ts";
import { patchType } from "./patch.ts";
import { encodingFor, type ResourceRequest, valueReply } from "./resource-request.ts";
import { checkName } from "./update.ts";
import { type WriteOptions, writeOptions } from "./write-options.ts";

const SCALE_KIND = { group: "autoscaling", version: "v1", kind: "Scale" };

const COLUMNS: readonly TableColumn[] = [
  nameColumn,
  column("Desired", "How many replicas are wanted.", ({ spec }) => replicasIn(spec), "integer"),
  column("Available", "How many replicas there are.", ({ status }) => replicasIn(status), "integer"),
  ageColumn,
];
const replicasIn = (part: unknown): number => (part as { replicas?: number } | undefined)?.replicas ?? 0;

/** GET of the scale subresource: how many replicas an object wants and has, whatever its kind. */
export async function getScale(request: ResourceRequest): Promise<Reply> {
  const encoding = await encodingFor(request, "one");
  const version = resourceVersion(request.context.request.query.get("resourceVersion"));
  const { object } = await request.resource.registry.get(request.name, request.namespace, version);
  const paths = pathsOf(request);
  if (request.resource.custom && readPath(object, paths.specReplicas) === undefined) {
    throw internalError(`the spec replicas field ${JSON.stringify(paths.specReplicas)} does not exist`);
  }
  return valueReply(scaleOf(object, paths), 200, encoding, COLUMNS);
}

/** PUT of the scale subresource. */
export async function updateScale(request: ResourceRequest): Promise<Reply> {
  const options = writeOptions(request, "UpdateOptions");
  const wanted = (await decodeBody(request, SCALE_KIND, options.fieldValidation)) as Scale & UnknownObject;
  request.context.audit?.requestObject(wanted);
  checkName(wanted, request.name);
  return writeScale(request, options, () => wanted);
}

/** PATCH of the scale subresource. */
export async function patchScale(request: ResourceRequest): Promise<Reply> {
  const type = patchType(request);
  if (type === "apply") return applyScale(request);
  const options = writeOptions(request, "PatchOptions");
  const body = await request.context.request.body.read(MAX_BODY_BYTES);
  let decoded: Decoded | undefined;
  const reply = await writeScale(request, options, (current) => {
    decoded = patchObject(current, body, type, SCALE_KIND, options.fieldValidation);
    return decoded.object as Scale & UnknownObject;
  });
  request.context.warnings.push(...(decoded?.warnings ?? []));
  return reply;
}

/**
 * Server-side apply of a Scale: an application to the object itself that says nothing but the replicas, so that their
 * owner is known there.
 */
async function applyScale(request: ResourceRequest): Promise<Reply> {
  const { resource, name, namespace } = request;
  const encoding = await encodingFor(request, "one");
  const options = writeOptions(request, "PatchOptions", true);
  const configuration = (await readConfiguration(request, options)) as Scale & UnknownObject;
  checkName(configuration, name);
  if (configuration.apiVersion !== "autoscaling/v1" || configuration.kind !== "Scale") {
    throw badRequest(`invalid object type: ${configuration.apiVersion}, Kind=${configuration.kind}`);
  }
  checkScale(configuration, name);
  const paths = pathsOf(request);
  const applied: UnknownObject = { apiVersion: resource.apiVersion, kind: resource.type.kind, metadata: { name } };
  const replicas = configuration.spec?.replicas;
  if (replicas !== undefined) writePath(applied, paths.specReplicas, replicas);
  const { object } = await resource.registry.update(
    name,
    namespace,
    (current) => {
      if (!current) throw notFound(resource.subject, name);
      return applyTo(request, current, applied, options);
    },
    asWholeObject(options.write, paths, name),
  );
  return valueReply(scaleOf(object.object, paths), 200, encoding, COLUMNS);
}

/** Writes the replicas that `change` makes of the present scale, and answers with the new scale. */
async function writeScale(
  request: ResourceRequest,
  options: WriteOptions,
  change: (current: Scale & UnknownObject) => Scale & UnknownObject,
): Promise<Reply> {
  const { resource, name, namespace } = request;
  const encoding = await encodingFor(request, "one");
  const paths = pathsOf(request);
  const { object } = await resource.registry.update(
    name,
    namespace,
    (current) => {
      if (!current) throw notFound(resource.subject, name);
      const wanted = change(scaleOf(current, paths));
      checkScale(wanted, name);
      const scaled = cloneJson(current);
      writePath(scaled, paths.specReplicas, wanted.spec?.replicas ?? 0);
      // The client's version decides, or none.
      const { resourceVersion: version, uid } = wanted.metadata ?? {};
      if (version) scaled.metadata!.resourceVersion = version;
      else delete scaled.metadata!.resourceVersion;
      if (uid) scaled.metadata!.uid = uid;
      trackOwners(request, current, scaled, options);
      return scaled;
    },
    asWholeObject(options.write, paths, name),
  );
  return valueReply(scaleOf(object.object, paths), 200, encoding, COLUMNS);
}

/** The object is written as a whole: only its replicas differ. Admission sees the Scale. */
const asWholeObject = (write: WriteRequest, paths: ScalePaths, name: string): WriteRequest => ({
  ...write,
  subresource: undefined,
  admittedAs: {
    subresource: "scale",
    kind: SCALE_KIND,
    show: (object) => scaleOf(object, paths),
    takeOver(object, shown) {
      const scale = shown as Scale;
      const replicas = scale.spec?.replicas ?? 0;
      if (readPath(object, paths.specReplicas) === replicas) return;
      checkScale(scale, name);
      writePath(object, paths.specReplicas, replicas);
    },
  },
});

function pathsOf({ resource }: ResourceRequest): ScalePaths {
  const { scale } = resource.definition;
  if (!scale) throw badRequest(`${resource.type.resource} can't be scaled`);
  return scale;
}

function scaleOf(object: UnknownObject, paths: ScalePaths): Scale & UnknownObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {};
  const replicas = (readPath(object, paths.specReplicas) as number | undefined) ?? 0;
  const selector = selectorText(readPath(object, paths.selector));
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: {
      replicas: (readPath(object, paths.statusReplicas) as number | undefined) ?? 0,
      ...(selector ? { selector } : {}),
    },
  };
}

/** A LabelSelector, or a plain map of labels, as text. */
function selectorText(selector: unknown): string {
  if (typeof selector === "string") return selector;
  if (typeof selector !== "object" || selector === null) return "";
  const isSelector = "matchLabels" in selector || "matchExpressions" in selector;
  return isSelector
    ? selectorOf(selector as LabelSelector).toString()
    : selectorOfMap(selector as Record<string, string>).toString();
}

function checkScale(scale: Scale, name: string): void {
  const replicas = scale.spec?.replicas ?? 0;
  if (replicas >= 0) return;
  const { type, field, message } = invalidField("spec.replicas", replicas, "must be greater than or equal to 0");
  throw invalid({ group: "autoscaling", kind: "Scale" }, name, [{ reason: type, message, field }]);
}
