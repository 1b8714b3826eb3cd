import type { FieldError } from "../../../api/resource-definition.ts";

/** How much a pod may do: anything, what is usual, or only what hardened pods need. */
export type Level = "privileged" | "baseline" | "restricted";
const LEVELS: readonly Level[] = ["privileged", "baseline", "restricted"];

/** A level as Kubernetes 1.`minor` defined it; "latest" follows the server. */
export interface LevelVersion {
  readonly level: Level;
  readonly minor: number | "latest";
}

/** What a namespace asks for: what is refused, what is only written to the audit log, and what is warned of. */
export interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

const LATEST: LevelVersion = { level: "privileged", minor: "latest" };
/** What holds where nothing is asked for. */
export const PRIVILEGED: Policy = { enforce: LATEST, audit: LATEST, warn: LATEST };
/** What holds where namespaces say nothing, and who is exempt from all of it. */
export interface PodSecurityConfiguration {
  readonly defaults: Policy;
  readonly exemptUsers: ReadonlySet<string>;
  readonly exemptNamespaces: ReadonlySet<string>;
  readonly exemptRuntimeClasses: ReadonlySet<string>;
}

export const NO_EXEMPTIONS: PodSecurityConfiguration = {
  defaults: PRIVILEGED,
  exemptUsers: new Set(),
  exemptNamespaces: new Set(),
  exemptRuntimeClasses: new Set(),
};

const PREFIX = "pod-security.kubernetes.io/";

/** `baseline:v1.30` */
export const formatLevel = ({ level, minor }: LevelVersion): string =>
  `${level}:${minor === "latest" ? minor : `v1.${minor}`}`;

/** Whether `a` demands more than `b`. */
export const isStricter = (a: Level, b: Level): boolean => LEVELS.indexOf(a) > LEVELS.indexOf(b);

export const samePolicy = (a: LevelVersion, b: LevelVersion): boolean => a.level === b.level && a.minor === b.minor;

/**
 * The policy of a namespace by its labels, completed by `defaults`. A label that makes no sense is an error, and counts as the strictest policy
 * for enforcement and as none for the other two.
 */
export function policyOf(
  labels: Readonly<Record<string, string>> = {},
  defaults: Policy = PRIVILEGED,
): { policy: Policy; errors: FieldError[] } {
  const errors: FieldError[] = [];
  const read = <T>(key: string, parse: (text: string) => T | undefined, rule: string, otherwise: T): T | undefined => {
    const text = labels[PREFIX + key];
    if (text === undefined) return undefined;
    const value = parse(text);
    if (value !== undefined) return value;
    const message = `Invalid value: ${JSON.stringify(text)}: ${rule}`;
    errors.push({ type: "FieldValueInvalid", field: `metadata.labels[${PREFIX}${key}]`, message });
    return otherwise;
  };
  const mode = (name: keyof Policy, otherwise: Level): Partial<LevelVersion> => {
    const level = read<Level>(name, parseLevel, `must be one of ${LEVELS.join(", ")}`, otherwise);
    const minor = read<number | "latest">(`${name}-version`, parseMinor, 'must be "latest" or "v1.x"', "latest");
    return { ...(level === undefined ? {} : { level }), ...(minor === undefined ? {} : { minor }) };
  };
  const asked = mode("enforce", "restricted");
  const enforce = { ...defaults.enforce, ...asked };
  const audit = { ...defaults.audit, ...mode("audit", "privileged") };
  const warning = mode("warn", "privileged");
  const valid = asked.level !== undefined && asked.level === labels[`${PREFIX}enforce`];
  // Who enforces a level is warned of it, too: controllers' templates would fail only later.
  const follows = warning.level === undefined && valid && isStricter(enforce.level, defaults.warn.level);
  const warn = { ...defaults.warn, ...(follows ? enforce : {}), ...warning };
  return { policy: { enforce, audit, warn }, errors };
}

/** A level by its name; undefined where there is none of that name. */
export const parseLevel = (text: string) => LEVELS.find((level) => level === text);

/** The minor version that `v1.x` names. */
export function parseMinor(text: string): number | "latest" | undefined {
  if (text === "latest") return text;
  const match = /^v1\.(0|[1-9][0-9]*)$/.exec(text);
  return match ? Number(match[1]) : undefined;
}
