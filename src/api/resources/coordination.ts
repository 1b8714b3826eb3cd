import type { FieldError } from "../resource-definition.ts";
import { leases } from "../resource-types.ts";
import type { Lease } from "../types/coordination.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";
import { forbidden, invalid, notSupported } from "./field-errors.ts";
import { NOT_NEGATIVE, validateQualifiedName } from "./value-checks.ts";

/** How a coordinated election (KEP-4355) picks the leader; others carry a domain. */
const STRATEGIES = ["OldestEmulationVersion"];

export const lease = define<Lease>({
  type: leases,
  singular: "lease",
  columns: [nameColumn, column("Holder", "Who holds the lease.", ({ spec }) => spec?.holderIdentity ?? ""), ageColumn],
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: validateLease,
});

function validateLease({ spec = {} }: Lease): FieldError[] {
  const errors: FieldError[] = [];
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec;
  if (leaseDurationSeconds != null && leaseDurationSeconds <= 0) {
    errors.push(invalid("spec.leaseDurationSeconds", leaseDurationSeconds, "must be greater than 0"));
  }
  if (leaseTransitions != null && leaseTransitions < 0) {
    errors.push(invalid("spec.leaseTransitions", leaseTransitions, NOT_NEGATIVE));
  }
  if (strategy != null) validateElectionStrategy(strategy, "spec.strategy", errors);
  if (preferredHolder && !strategy) {
    errors.push(forbidden("spec.preferredHolder", "may only be specified if `strategy` is defined"));
  }
  return errors;
}

/** One of the known ways to elect, or one with the domain of who knows it. */
export function validateElectionStrategy(strategy: string, field: string, errors: FieldError[]): void {
  // Upstream appends the field's name twice.
  const path = `${field}.strategy`;
  if (strategy.includes("/")) validateQualifiedName(strategy, path, errors);
  else if (!STRATEGIES.includes(strategy)) errors.push(notSupported(path, strategy, STRATEGIES));
}
