import type { FieldError } from "../../../api/resource-definition.ts";
import {
  type ConfigurationKind,
  listOf,
  problemsError,
  readConfiguration,
  record,
  text,
} from "../../configuration/shape.ts";
import { type LevelVersion, type PodSecurityConfiguration, parseLevel, parseMinor } from "./policy.ts";

const MODES = ["enforce", "audit", "warn"] as const;
type Mode = (typeof MODES)[number];
type GivenDefaults = Partial<Record<Mode | `${Mode}-version`, string>>;

const KIND: ConfigurationKind = {
  group: "pod-security.admission.config.k8s.io",
  versions: ["v1", "v1beta1", "v1alpha1"],
  kind: "PodSecurityConfiguration",
  fields: {
    defaults: record(
      "PodSecurityDefaults",
      Object.fromEntries(MODES.flatMap((mode) => [mode, `${mode}-version`]).map((field) => [field, text])),
    ),
    exemptions: record("PodSecurityExemptions", {
      usernames: listOf(text),
      namespaces: listOf(text),
      runtimeClasses: listOf(text),
    }),
  },
};

interface Given {
  defaults?: GivenDefaults;
  exemptions?: { usernames?: string[]; namespaces?: string[]; runtimeClasses?: string[] };
}

/** Reads the configuration of the plugin PodSecurity (YAML or JSON). Throws an Error that names what can't be used. */
export async function podSecurityConfiguration(content: string): Promise<PodSecurityConfiguration> {
  const { configuration } = await readConfiguration<Given>(content, KIND);
  const { defaults = {}, exemptions = {} } = configuration;
  const problems: FieldError[] = [];
  const mode = (name: Mode): LevelVersion => {
    const [level, minor] = [defaults[name] || "privileged", defaults[`${name}-version`] || "latest"];
    return {
      level:
        checked(
          parseLevel(level),
          `defaults.${name}`,
          level,
          "must be one of privileged, baseline, restricted",
          problems,
        ) ?? "privileged",
      minor:
        checked(parseMinor(minor), `defaults.${name}-version`, minor, 'must be "latest" or "v1.x"', problems) ??
        "latest",
    };
  };
  const policy = { enforce: mode("enforce"), audit: mode("audit"), warn: mode("warn") };
  for (const [field, values] of Object.entries(exemptions)) {
    for (const [index, value] of values.entries()) {
      const path = `exemptions.${field}[${index}]`;
      if (value === "")
        problems.push({ type: "FieldValueInvalid", field: path, message: 'Invalid value: "": must not be empty' });
      else if (values.indexOf(value) < index) {
        problems.push({
          type: "FieldValueDuplicate",
          field: path,
          message: `Duplicate value: ${JSON.stringify(value)}`,
        });
      }
    }
  }
  const problem = problemsError(problems);
  if (problem) throw problem;
  return {
    defaults: policy,
    exemptUsers: new Set(exemptions.usernames),
    exemptNamespaces: new Set(exemptions.namespaces),
    exemptRuntimeClasses: new Set(exemptions.runtimeClasses),
  };
}

function checked<T>(
  value: T | undefined,
  field: string,
  given: string,
  rule: string,
  problems: FieldError[],
): T | undefined {
  if (value === undefined) {
    problems.push({ type: "FieldValueInvalid", field, message: `Invalid value: ${JSON.stringify(given)}: ${rule}` });
  }
  return value;
}
