/** From what a caller binds to a variable to a value, by the variable's declared type. */
import type { CelAuthorizer, CelResourceCheck, CelType } from "./cel.ts";
import { type Binder, BoundObject, bindDynamic, binderOf, JsonList, JsonMap } from "./json-values.ts";
import { authorizerValue, resourceCheckValue } from "./library/authorizers.ts";
import { resultJson } from "./results.ts";
import { parseDuration, parseTimestamp } from "./time.ts";
import { Optional, Uint, type Value } from "./values.ts";

/** A value of one program as a binding of another: what `evaluateToValue` gives. */
export class CelValue {
  readonly value: Value;
  constructor(value: Value) {
    this.value = value;
  }
  /** As `evaluate` gives it. */
  toJson(): unknown {
    return resultJson(this.value);
  }
}

/** Makes values of this type; CelValues pass as they are. */
export function binderFor(type: CelType): Binder {
  const bind = binderOfType(type);
  return (json) => (json instanceof CelValue ? json.value : bind(json));
}

function binderOfType(type: CelType): Binder {
  if (typeof type !== "string") {
    if ("schema" in type) return binderOf(type.schema);
    if ("optional" in type) {
      const bind = binderFor(type.optional);
      return (json) => (json === undefined ? Optional.none : new Optional(bind(json)));
    }
    if ("list" in type) {
      const bind = binderFor(type.list);
      return (json) => (Array.isArray(json) ? new JsonList(json, bind) : bindDynamic(json));
    }
    if ("map" in type) {
      const bind = binderFor(type.map);
      return (json) => (isObject(json) ? new JsonMap(json, bind) : bindDynamic(json));
    }
    if ("checked" in type) return bindDynamic;
    const fields = new Map(Object.entries(type.fields).map(([name, field]) => [name, binderFor(field)]));
    return (json) => (isObject(json) ? new BoundObject(type.object, json, fields) : bindDynamic(json));
  }
  switch (type) {
    case "timestamp":
      return (json) => (typeof json === "string" ? parseTimestamp(json) : bindDynamic(json));
    case "duration":
      return (json) => (typeof json === "string" ? parseDuration(json) : bindDynamic(json));
    case "bytes":
      return (json) => (typeof json === "string" ? Buffer.from(json, "base64") : bindDynamic(json));
    case "double":
      return (json) => (typeof json === "number" ? json : bindDynamic(json));
    case "uint":
      return (json) => new Uint(BigInt(json as number | bigint));
    case "authorizer":
      return (json) => (json == null ? null : authorizerValue(json as CelAuthorizer));
    case "resourceCheck":
      return (json) => {
        if (json == null) return null;
        const { authorizer, request } = json as CelResourceCheck;
        return resourceCheckValue(authorizer, request);
      };
    default:
      return bindDynamic;
  }
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === "object" && json !== null && !Array.isArray(json);
