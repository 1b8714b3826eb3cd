/** YAML bodies, as sigs.k8s.io/yaml reads them: YAML 1.1 in go-yaml's dialect, turned into JSON. Import it when needed. */
import {
  type Document,
  LineCounter,
  type Node,
  parseAllDocuments,
  type Scalar,
  type Tags,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { isTooDeep, TOO_DEEP } from "./nesting.ts";

/** A text that is not YAML, or that JSON cannot express. */
export class YamlError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "YamlError";
  }
}

export interface ParsedYaml {
  readonly value: unknown;
  /** Strict errors about repeated keys, in go-yaml's words. */
  readonly repeated: readonly string[];
}

/** go-yaml has no numbers in base 60 ("22:22" is a string), and JSON has no dates, sets and ordered maps. */
const customTags = (tags: Tags): Tags =>
  tags.filter((tag) => {
    if (typeof tag === "string") return true;
    const { tag: name, format } = tag as { tag: string; format?: string };
    return format !== "TIME" && !/:(timestamp|set|omap|pairs)$/.test(name);
  });

/** Parses the first document of a text. Throws YamlError. */
export function parseYaml(text: string): ParsedYaml {
  let parsed: ParsedYaml;
  try {
    parsed = parseFirst(text);
  } catch (error) {
    // The library recurses on what is nested, and knows no limit but the stack's.
    if (error instanceof RangeError) throw new YamlError(`yaml: ${TOO_DEEP}`);
    throw error;
  }
  if (isTooDeep(parsed.value)) throw new YamlError(`yaml: ${TOO_DEEP}`);
  return parsed;
}

function parseFirst(text: string): ParsedYaml {
  const lines = new LineCounter();
  const options = { version: "1.1", uniqueKeys: false, lineCounter: lines, customTags, merge: true } as const;
  const documents: Document[] = parseAllDocuments(text, options);
  const document = documents[0];
  if (!document) return { value: null, repeated: [] };
  const [problem] = document.errors;
  if (problem) {
    const reason = problem.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, "");
    throw new YamlError(`yaml: line ${problem.linePos?.[0].line ?? 1}: ${reason}`);
  }
  const repeated: string[] = [];
  const anchored = new Map<string, Node>();
  const remember = (node: Scalar | YAMLMap | YAMLSeq) => {
    if (node.anchor) anchored.set(node.anchor, node);
  };
  visit(document, {
    Alias(_, { source }, path) {
      const target = anchored.get(source);
      if (target && path.includes(target)) throw new YamlError(`yaml: anchor '${source}' value contains itself`);
    },
    Scalar: (_, scalar) => remember(scalar),
    Seq: (_, sequence) => remember(sequence),
    Map(_, map) {
      remember(map);
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = String((key as { value?: unknown } | null)?.value ?? key);
        if (seen.has(name)) {
          const start = (key as { range?: [number, number, number] } | null)?.range?.[0] ?? 0;
          repeated.push(`  line ${lines.linePos(start).line}: key ${JSON.stringify(name)} already set in map`);
        }
        seen.add(name);
      }
    },
  });
  let value: unknown;
  try {
    value = toJson(document.toJS({ mapAsMap: true }));
  } catch (error) {
    if (error instanceof ReferenceError) throw new YamlError(`yaml: ${error.message}`);
    throw error;
  }
  return { value, repeated: repeated.length ? [`yaml: unmarshal errors:\n${repeated.join("\n")}`] : [] };
}

/** The JSON form: keys become strings; what has none is refused. */
function toJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof Map) {
    const object: Record<string, unknown> = Object.create(null);
    for (const [key, member] of value) object[keyOf(key).toWellFormed()] = toJson(member);
    return { ...object };
  }
  if (typeof value === "string") return value.toWellFormed();
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new YamlError(`json: unsupported value: ${value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN"}`);
  }
  return value ?? null;
}

function keyOf(key: unknown): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" || typeof key === "bigint" || typeof key === "boolean") return String(key);
  if (key instanceof Uint8Array) return Buffer.from(key).toString();
  throw new YamlError(`unsupported map key of type: ${key === null ? "null" : typeof key}, key: ${String(key)}`);
}
