/** What expressions may call and name, in Kubernetes 1.36 (apiserver's pkg/cel/environment/base.go). */
import { Functions, LIBRARY_TYPES } from "./functions.ts";
import { authorizers } from "./library/authorizers.ts";
import { formats } from "./library/formats.ts";
import { jsonPatches } from "./library/json-patches.ts";
import { lists } from "./library/lists.ts";
import { networks } from "./library/networks.ts";
import { operators } from "./library/operators.ts";
import { optionals } from "./library/optionals.ts";
import { quantities } from "./library/quantities.ts";
import { regexes } from "./library/regexes.ts";
import { semvers } from "./library/semvers.ts";
import { sets } from "./library/sets.ts";
import { standard } from "./library/standard.ts";
import { strings } from "./library/strings.ts";
import { timeFields } from "./library/time-fields.ts";
import { urls } from "./library/urls.ts";
import {
  BOOL,
  BYTES,
  type CType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  TIMESTAMP,
  TYPE,
  UINT,
} from "./types.ts";
import { TypeValue } from "./values.ts";

const LIBRARIES = [
  operators,
  standard,
  timeFields,
  strings,
  lists,
  sets,
  regexes,
  optionals,
  urls,
  quantities,
  networks,
  formats,
  semvers,
  authorizers,
];

let base: Functions | undefined;
let forMutations: Functions | undefined;

/** The functions; those of mutations have the JSON patch library in addition. */
export function functions(mutation: boolean): Functions {
  if (!mutation) {
    base ??= new Functions(LIBRARIES);
    return base;
  }
  forMutations ??= new Functions([...LIBRARIES, jsonPatches]);
  return forMutations;
}

/** Names that stand for types. */
export const TYPE_NAMES: ReadonlyMap<string, { readonly type: CType; readonly value: TypeValue }> = new Map(
  [
    BOOL,
    BYTES,
    DOUBLE,
    INT,
    STRING,
    UINT,
    listOf(DYN),
    mapOf(DYN, DYN),
    optionalOf(DYN),
    TYPE,
    { ...NULL, name: "null_type" },
    { ...TIMESTAMP, name: "google.protobuf.Timestamp" },
    { ...DURATION, name: "google.protobuf.Duration" },
    ...Object.values(LIBRARY_TYPES),
  ].map((type) => [type.name, { type: TYPE, value: new TypeValue(type.name) }]),
);
