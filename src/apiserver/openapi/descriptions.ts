import { openApiName } from "../../api/schema/schema.ts";

/** The texts of the API's types and fields, as gathered by scripts/descriptions.ts. */
export interface DescriptionTable {
  readonly digest: string;
  /** OpenAPI name without its dots (`IoK8sApiCoreV1Pod`) → the type's text, and those of its fields. */
  readonly types: Readonly<Record<string, readonly [text: string, fields: Readonly<Record<string, string>>]>>;
  /** Those of apiVersion and kind of every object. */
  readonly typeMeta: Readonly<Record<string, string>>;
}

/** Answers what a type or a field is for; empty where nothing is known. */
export class Descriptions {
  readonly #table: DescriptionTable;

  constructor(table: DescriptionTable = { digest: "", types: {}, typeMeta: {} }) {
    this.#table = table;
  }

  /** Another one for other texts. */
  get digest(): string {
    return this.#table.digest;
  }

  /** Whether the fields of this very definition are described, where they are at all. */
  covers(name: string): boolean {
    return joined(name) in this.#table.types;
  }

  /** Of a definition, by its full name: `io.k8s.api.core.v1.Pod`. */
  ofDefinition(name: string): string {
    return this.#entry(name)?.[0] ?? "";
  }

  /** Of a field of a struct, by its short name: `core.v1.Pod`. */
  ofField(struct: string, field: string): string {
    const name = openApiName(struct);
    return this.#entry(name)?.[1][field] ?? this.#table.typeMeta[field] ?? "";
  }

  /** Versions that came before the stable one have its shape, and its texts. */
  #entry(name: string) {
    const { types } = this.#table;
    return types[joined(name)] ?? types[joined(name.replace(/\.v1(alpha|beta)\d+\./, ".v1."))];
  }
}

const joined = (name: string): string =>
  name
    .split(/[.-]/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join("");
