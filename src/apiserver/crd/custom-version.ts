import type { UnknownObject } from "../../api/object.ts";
import type { StructType } from "../../api/schema/schema.ts";
import { coerceObject } from "../../api/structural/coerce.ts";
import { setDefaults, withPrunedDefaults } from "../../api/structural/defaults.ts";
import { coerceEmbedded } from "../../api/structural/embedded-metadata.ts";
import { prune } from "../../api/structural/prune.ts";
import { RuleValidator } from "../../api/structural/rules.ts";
import { objectType } from "../../api/structural/schema-type.ts";
import { asResource, type Schema } from "../../api/structural/structural.ts";
import type { CustomResourceDefinition } from "../../api/types/apiextensions.v1.ts";

/**
 * What the schema of one version of a CustomResourceDefinition comes to. Nothing is made of the schema before it is asked
 * for: most are large, and many are never used.
 */
export class CustomVersion {
  readonly name: string;
  readonly preservesUnknown: boolean;
  readonly #definition: () => CustomResourceDefinition;
  #schema: Schema | undefined;
  #rules: RuleValidator | undefined;

  /** `definition` reads the definition whenever it is needed; it may be decoded anew for it. */
  constructor(name: string, preservesUnknown: boolean, definition: () => CustomResourceDefinition) {
    this.name = name;
    this.preservesUnknown = preservesUnknown;
    this.#definition = definition;
  }

  /** As it was defined. */
  get source(): Record<string, unknown> | undefined {
    const version = this.#definition().spec.versions.find(({ name }) => name === this.name);
    return version?.schema?.openAPIV3Schema as Record<string, unknown> | undefined;
  }

  /** Without what is only for people to read, and with its defaults pruned. */
  get schema(): Schema {
    if (this.#schema) return this.#schema;
    const bare = withoutTexts((this.source ?? {}) as Schema);
    this.#schema = this.preservesUnknown
      ? bare
      : withPrunedDefaults(bare, (object) => {
          coerceEmbedded(object, asResource(bare), { lenient: true });
          prune(object, asResource(bare));
        });
    return this.#schema;
  }

  get type(): StructType {
    return objectType(this.schema);
  }

  get rules(): RuleValidator {
    this.#rules ??= new RuleValidator(this.schema, true);
    return this.#rules;
  }

  /** Brings an object of this version into form, in place; see coerceObject. */
  coerce(object: UnknownObject, options: { lenient: boolean; unknown?: string[] }): void {
    coerceObject(object, this.schema, { ...options, preserve: this.preservesUnknown });
  }

  setDefaults(object: UnknownObject): void {
    setDefaults(object, this.schema);
  }
}

const TEXTS = new Set(["description", "title", "example", "externalDocs"]);
/** Keywords whose members are schemas by names of their own. */
const NAMED = new Set(["properties", "patternProperties", "definitions", "dependencies"]);
/** Keywords whose values are data, whatever it looks like. */
const DATA = new Set(["default", "enum", "x-kubernetes-validations"]);

/** A copy of a schema without its texts. */
function withoutTexts<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(withoutTexts) as T;
  if (typeof schema !== "object" || schema === null) return schema;
  const bare: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (TEXTS.has(key)) continue;
    if (DATA.has(key)) bare[key] = value;
    else if (NAMED.has(key)) {
      bare[key] = Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, withoutTexts(one)]));
    } else bare[key] = withoutTexts(value);
  }
  return bare as T;
}
