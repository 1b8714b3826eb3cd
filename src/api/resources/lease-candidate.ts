import type { FieldError } from "../resource-definition.ts";
import { leaseCandidatesCoordinationV1beta1 } from "../resource-types.ts";
import type { LeaseCandidate } from "../types/coordination.v1beta1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { validateElectionStrategy } from "./coordination.ts";
import { define } from "./define.ts";
import { invalid, required } from "./field-errors.ts";
import { sameShape } from "./same-shape.ts";
import { IMMUTABLE } from "./value-checks.ts";

/** Who stands for election as the holder of a lease (KEP-4355). */
export const leaseCandidate = define<LeaseCandidate>({
  type: leaseCandidatesCoordinationV1beta1,
  singular: "leasecandidate",
  columns: [
    nameColumn,
    column("LeaseName", "Lease that is stood for.", ({ spec }) => spec?.leaseName ?? ""),
    column("BinaryVersion", "Version of the program.", ({ spec }) => spec?.binaryVersion ?? ""),
    column("EmulationVersion", "Version that it behaves as.", ({ spec }) => spec?.emulationVersion ?? ""),
    ageColumn,
  ],
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: validateCandidate,
  validateUpdate({ spec }, old) {
    if (spec?.leaseName === old.spec?.leaseName) return [];
    return [invalid("spec.leaseName", spec?.leaseName ?? "", IMMUTABLE)];
  },
  conversions: { v1alpha2: sameShape("coordination.k8s.io", "v1alpha2", "v1beta1") },
});

const SEMVER = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/;

function validateCandidate({ spec }: LeaseCandidate): FieldError[] {
  const errors: FieldError[] = [];
  const { leaseName, binaryVersion = "", emulationVersion = "", strategy } = spec ?? {};
  if (!leaseName) errors.push(required("spec.leaseName"));
  const emulated = parseVersion(emulationVersion, "spec.emulationVersion", errors);
  if (binaryVersion === "") errors.push(required("spec.binaryVersion"));
  const binary = parseVersion(binaryVersion, "spec.binaryVersion", errors);
  if (binaryVersion !== "" && emulationVersion !== "" && isOlder(binary, emulated)) {
    const detail = "must be greater than or equal to `emulationVersion`";
    errors.push(invalid("spec.binaryVersion", binaryVersion, detail));
  }
  if (!strategy) errors.push(required("spec.strategy"));
  else {
    if (strategy === "OldestEmulationVersion" && emulated.every((part) => part === 0)) {
      const detail = "must be specified when `strategy` is 'OldestEmulationVersion'";
      errors.push(required("spec.emulationVersion", detail));
    }
    validateElectionStrategy(strategy, "spec.strategy", errors);
  }
  return errors;
}

type Version = readonly [number, number, number];
const NONE: Version = [0, 0, 0];

function parseVersion(text: string, path: string, errors: FieldError[]): Version {
  if (text === "") return NONE;
  const found = SEMVER.exec(text);
  if (found) return [Number(found[1]), Number(found[2]), Number(found[3])];
  errors.push(invalid(path, text, "must be a valid semantic version"));
  return NONE;
}

function isOlder(version: Version, than: Version): boolean {
  for (const [index, part] of version.entries()) if (part !== than[index]) return part < than[index]!;
  return false;
}
