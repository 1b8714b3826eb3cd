import { parseJsonPath } from "../../api/json-path.ts";
import type { ResourceType, UnknownObject } from "../../api/object.ts";
import { goString } from "../../api/patch/go-format.ts";
import type { FieldError, ResourceDefinition } from "../../api/resource-definition.ts";
import { invalid } from "../../api/resources/field-errors.ts";
import { Correlation } from "../../api/structural/correlation.ts";
import { validateEmbedded } from "../../api/structural/embedded-metadata.ts";
import { validateListTypes } from "../../api/structural/list-types.ts";
import { isJsonObject, type Schema } from "../../api/structural/structural.ts";
import { validateValue } from "../../api/structural/value-validation.ts";
import type {
  CustomResourceDefinitionNames,
  CustomResourceDefinitionVersion,
} from "../../api/types/apiextensions.v1.ts";
import type { ObjectMeta } from "../../api/types/meta.v1.ts";
import { customColumns } from "./columns.ts";
import type { CustomVersion } from "./custom-version.ts";
import { finalizerWarnings } from "./finalizer-warnings.ts";
import { validateScale } from "./scale-validation.ts";

/** What the engine must know of one version of a custom resource. */
export function customDefinition(options: {
  type: ResourceType;
  names: CustomResourceDefinitionNames;
  version: CustomResourceDefinitionVersion;
  custom: CustomVersion;
}): ResourceDefinition {
  const { type, names, version, custom } = options;
  const { status, scale } = version.subresources ?? {};
  const hasStatus = status !== undefined && status !== null;
  const apiVersion = `${type.group}/${type.version}`;

  const kindErrors = (object: UnknownObject): FieldError[] => {
    const errors: FieldError[] = [];
    if (object.kind !== type.kind) errors.push(invalid("kind", object.kind ?? "", `must be ${type.kind}`));
    if (object.apiVersion !== apiVersion) {
      errors.push(invalid("apiVersion", object.apiVersion ?? "", `must be ${apiVersion}`));
    }
    return errors;
  };
  /** What rules said of parts of an object that were so before: told once the object is found valid otherwise. */
  const ratcheted = new WeakMap<UnknownObject, readonly string[]>();
  /** Rules are looked at last, and only where the object is well-formed enough for them. */
  const withRules = (
    errors: FieldError[],
    object: UnknownObject,
    old?: UnknownObject,
    correlation?: Correlation,
  ): FieldError[] => {
    if (!custom.rules.hasRules) return errors;
    if (errors.some(({ type: problem }) => BLOCKING.has(problem))) return [...errors, NOT_CHECKED];
    const found = custom.rules.validate(object, old, correlation ? { correlation } : {});
    if (found.warnings.length > 0) ratcheted.set(object, found.warnings);
    return [...errors, ...found.errors];
  };
  const embeddedErrors = (object: UnknownObject, schema: Schema): FieldError[] => {
    const errors: FieldError[] = [];
    validateEmbedded(object, schema, errors);
    return errors;
  };
  const changedListErrors = (object: UnknownObject, old: UnknownObject, schema: Schema): FieldError[] => {
    const errors = validateListTypes(object, schema);
    return errors.length > 0 && validateListTypes(old, schema).length > 0 ? [] : errors;
  };

  return {
    type,
    singular: names.singular ?? "",
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    hasStatus,
    generation: true,
    unconditionalUpdate: false,
    columns: customColumns(version.additionalPrinterColumns),
    selectableFields: selectableFields(version),
    ...(scale
      ? {
          scale: {
            specReplicas: scale.specReplicasPath,
            statusReplicas: scale.statusReplicasPath,
            selector: scale.labelSelectorPath ?? "",
          },
        }
      : {}),
    defaults: (object) => custom.setDefaults(object),
    prepareForStatusUpdate(object, old) {
      // Nothing of the metadata is written through status but who owns it.
      const { managedFields } = object.metadata ?? {};
      const { managedFields: _, ...metadata }: ObjectMeta = old.metadata ?? {};
      object.metadata = managedFields ? { ...metadata, managedFields } : metadata;
    },
    validateCreate(object) {
      const wrongKind = kindErrors(object);
      if (wrongKind.length > 0) return wrongKind;
      const { schema } = custom;
      const errors = [
        ...validateValue(object, schema),
        ...validateScale(object, scale, true),
        ...embeddedErrors(object, schema),
        ...validateListTypes(object, schema),
      ];
      return withRules(errors, object);
    },
    validateUpdate(object, old) {
      const wrongKind = kindErrors(object);
      if (wrongKind.length > 0) return wrongKind;
      const { schema } = custom;
      const correlation = new Correlation(object, old, schema);
      const errors = [
        ...validateValue(object, schema, { correlation }),
        ...validateScale(object, scale, true),
        ...embeddedErrors(object, schema),
        ...changedListErrors(object, old, schema),
      ];
      return withRules(errors, object, old, correlation);
    },
    validateStatusUpdate(object, old) {
      const wrongKind = kindErrors(object);
      if (wrongKind.length > 0) return wrongKind;
      const { schema } = custom;
      const correlation = new Correlation(object, old, schema);
      const ofStatus = schema.properties?.["status"];
      const errors = [
        ...(ofStatus && Object.hasOwn(object, "status")
          ? validateValue(object["status"], ofStatus, { path: "status", correlation: correlation.key("status") })
          : []),
        ...validateScale(object, scale, false),
        ...changedListErrors(object, old, schema),
      ];
      return withRules(errors, object, old, correlation);
    },
    warnings: (object, old) => [...(ratcheted.get(object) ?? []), ...finalizerWarnings(object, old)],
  };
}

/** What is wrong in these ways may let rules fail for no reason of their own. */
const BLOCKING: ReadonlySet<FieldError["type"]> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);
const NOT_CHECKED: FieldError = invalid(
  "<nil>",
  null,
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
);

function selectableFields(version: CustomResourceDefinitionVersion): ResourceDefinition["selectableFields"] {
  const fields: Record<string, (object: UnknownObject) => string> = {};
  for (const { jsonPath } of version.selectableFields ?? []) {
    const path = parseJsonPath(jsonPath);
    fields[jsonPath.replace(/^\./, "")] = (object) => {
      const [value] = path(object);
      return value === undefined || value === null ? "" : isJsonObject(value) ? goString(value) : String(value);
    };
  }
  return fields;
}
