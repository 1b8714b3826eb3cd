import { jsonEqual } from "../../api/json-equal.ts";
import { approvalCondition } from "../../api/resources/apiextensions/approval.ts";
import { goQuote } from "../../api/resources/field-errors.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from "../../api/types/apiextensions.v1.ts";
import { type Condition, conditionOf, isTrue, sameCondition, withCondition } from "./conditions.ts";

/** What the definitions of a group have had accepted: nobody else gets these names. */
export interface TakenNames {
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

export function takenNames(others: Iterable<CustomResourceDefinition>): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const { plural, singular, shortNames = [], kind, listKind } = status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...shortNames]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

/**
 * The status that a definition should have, from its spec and the names that others of its group have; the very same where
 * nothing is to be changed. Once its names are accepted it is Established in the next step, so that whoever sees that
 * finds it served.
 */
export function planStatus(
  definition: CustomResourceDefinition,
  taken: TakenNames,
  now: number,
): CustomResourceDefinitionStatus {
  const before = definition.status ?? {};
  let status = before;
  const set = (condition: Condition) => {
    if (!sameCondition(conditionOf({ ...definition, status }, condition.type), condition)) {
      status = withCondition(status, condition, now);
    }
  };
  const wasAccepted = isTrue(definition, "NamesAccepted");
  if (!jsonEqual(namesOf(definition.spec.names), namesOf(before.acceptedNames))) {
    const { accepted, condition } = acceptNames(definition.spec.names, before.acceptedNames, taken);
    if (!jsonEqual(accepted, before.acceptedNames)) status = { ...status, acceptedNames: accepted };
    set(condition);
  } else if (!conditionOf(definition, "NamesAccepted")) set(ACCEPTED);
  if (!isTrue({ ...definition, status }, "Established")) {
    const accepted = isTrue({ ...definition, status }, "NamesAccepted");
    if (!accepted) set(NOT_ACCEPTED);
    else set(wasAccepted && conditionOf(definition, "Established") ? ESTABLISHED : INSTALLING);
  }
  const structural = structuralCondition(definition);
  if (structural) set(structural);
  else if (conditionOf(definition, NON_STRUCTURAL)) {
    status = { ...status, conditions: (status.conditions ?? []).filter(({ type }) => type !== NON_STRUCTURAL) };
  }
  const approval = approvalCondition(definition);
  if (approval) set(approval);
  return status;
}

const ACCEPTED: Condition = {
  type: "NamesAccepted",
  status: "True",
  reason: "NoConflicts",
  message: "no conflicts found",
};
const NOT_ACCEPTED: Condition = {
  type: "Established",
  status: "False",
  reason: "NotAccepted",
  message: "not all names are accepted",
};
const INSTALLING: Condition = {
  type: "Established",
  status: "False",
  reason: "Installing",
  message: "the initial names have been accepted",
};
const ESTABLISHED: Condition = {
  type: "Established",
  status: "True",
  reason: "InitialNamesAccepted",
  message: "the initial names have been accepted",
};
const NON_STRUCTURAL = "NonStructuralSchema";

/** Without the lists that are empty: whether they are there makes no difference. */
const namesOf = (names: CustomResourceDefinitionNames | undefined) =>
  names && {
    ...names,
    shortNames: names.shortNames?.length ? names.shortNames : undefined,
    categories: names.categories?.length ? names.categories : undefined,
  };

function acceptNames(
  wanted: CustomResourceDefinitionNames,
  accepted: CustomResourceDefinitionNames | undefined,
  taken: TakenNames,
): { accepted: CustomResourceDefinitionNames; condition: Condition } {
  const result = { ...(accepted ?? { plural: "", kind: "" }) };
  let conflict: Condition | undefined;
  const refuse = (reason: string, names: readonly string[]) => {
    const texts = names.map((name) => `${goQuote(name)} is already in use`);
    const message = texts.length === 1 ? texts[0]! : `[${texts.join(", ")}]`;
    conflict = { type: "NamesAccepted", status: "False", reason, message };
  };
  const take = (name: "plural" | "singular" | "kind" | "listKind", used: ReadonlySet<string>, reason: string) => {
    const value = wanted[name] ?? "";
    if (value !== (accepted?.[name] ?? "") && used.has(value)) refuse(reason, [value]);
    else result[name] = value;
  };
  take("plural", taken.resources, "PluralConflict");
  take("singular", taken.resources, "SingularConflict");
  const own = new Set(accepted?.shortNames);
  const used = (wanted.shortNames ?? []).filter((name) => !own.has(name) && taken.resources.has(name));
  if (used.length > 0) refuse("ShortNamesConflict", used);
  else if (wanted.shortNames) result.shortNames = wanted.shortNames;
  else delete result.shortNames;
  take("kind", taken.kinds, "KindConflict");
  take("listKind", taken.kinds, "ListKindConflict");
  if (wanted.categories) result.categories = wanted.categories;
  else delete result.categories;
  return { accepted: result, condition: conflict ?? ACCEPTED };
}

/** Validation lets only structural schemas in; what keeps unknown fields altogether is a relic of older versions. */
function structuralCondition({ spec }: CustomResourceDefinition): Condition | undefined {
  if (!spec.preserveUnknownFields) return undefined;
  const message = "spec.preserveUnknownFields: Invalid value: true: must be false";
  return { type: NON_STRUCTURAL, status: "True", reason: "Violations", message };
}
