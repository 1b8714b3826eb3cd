import type { CelProgram } from "../../../api/cel/cel.ts";
import type { FieldError } from "../../../api/resource-definition.ts";
import { at, child, invalid } from "../../../api/resources/field-errors.ts";
import { EXTRA } from "../../../api/service-account-user.ts";
import type { UserInfo } from "../../../api/user.ts";
import type { ClaimMapping, JwtAuthenticatorConfiguration } from "./configuration.ts";

type Claims = Readonly<Record<string, unknown>>;

/** Whom the claims of a verified token speak for. Throws an Error that says why for nobody. */
export type ClaimMapper = (claims: Claims) => UserInfo;

interface Compiled {
  readonly username?: CelProgram;
  readonly groups?: CelProgram;
  readonly uid?: CelProgram;
  readonly extra: readonly { readonly key: string; readonly program: CelProgram }[];
  readonly claimRules: readonly ValidationRule[];
  readonly userRules: readonly ValidationRule[];
}
interface ValidationRule {
  readonly program: CelProgram;
  readonly message: string;
}

/**
 * The mapper of a configuration that is valid otherwise; `problems` gets what is wrong with its expressions. CEL is only
 * loaded where there are any.
 */
export async function claimMapper(
  configuration: JwtAuthenticatorConfiguration,
  path: string,
  problems: FieldError[],
): Promise<ClaimMapper> {
  const compiled = await compile(configuration, path, problems);
  const { claimMappings: mappings = {}, claimValidationRules = [] } = configuration;
  const requiredClaims = claimValidationRules.filter(({ claim }) => claim);
  return (claims) => {
    const bindings = { claims };
    const name = usernameOf(claims, bindings, mappings.username ?? {}, compiled.username);
    const groups = groupsOf(claims, bindings, mappings.groups ?? {}, compiled.groups);
    const uid = uidOf(claims, bindings, mappings.uid?.claim, compiled.uid);
    const extra = extraOf(claims, bindings, compiled.extra);
    for (const { claim = "", requiredValue = "" } of requiredClaims) {
      if (!Object.hasOwn(claims, claim)) throw new Error(`oidc: required claim ${claim} not present in ID token`);
      const value = claims[claim];
      if (typeof value !== "string") throw new Error(`oidc: parse claim ${claim}: ${notText(value)}`);
      if (value !== requiredValue) {
        throw new Error(`oidc: required claim ${claim} value does not match. Got = ${value}, want = ${requiredValue}`);
      }
    }
    checkRules(compiled.claimRules, bindings, "claim validation expression");
    const user: UserInfo = {
      name,
      groups,
      ...(uid ? { uid } : {}),
      ...(Object.keys(extra).length > 0 ? { extra } : {}),
    };
    if (compiled.userRules.length > 0) {
      checkRules(compiled.userRules, { user: { username: name, uid, groups, extra } }, "user info validation rule");
    }
    return user;
  };
}

async function compile(
  { claimMappings = {}, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticatorConfiguration,
  path: string,
  problems: FieldError[],
): Promise<Compiled> {
  const wanted = [
    claimMappings.username?.expression,
    claimMappings.groups?.expression,
    claimMappings.uid?.expression,
    ...(claimMappings.extra ?? []).map(({ valueExpression }) => valueExpression),
    ...claimValidationRules.map(({ expression }) => expression),
    ...userValidationRules.map(({ expression }) => expression),
  ];
  if (!wanted.some(Boolean)) return { extra: [], claimRules: [], userRules: [] };
  const { compileCel, CelError } = await import("../../../api/cel/cel.ts");
  const claims = { claims: { map: "dyn" } } as const;
  const user = {
    user: {
      object: "kubernetes.UserInfo",
      fields: {
        username: "string",
        uid: "string",
        groups: { list: "string" },
        extra: { map: { list: "string" } },
      },
    },
  } as const;
  const program = (
    expression: string | undefined,
    field: string,
    variables: typeof claims | typeof user = claims,
    resultTypes?: readonly string[],
  ): CelProgram | undefined => {
    if (!expression) return undefined;
    try {
      return compileCel(expression, variables, resultTypes ? { resultTypes } : {});
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const detail = error.message.startsWith("must evaluate") ? error.message : `compilation failed: ${error.message}`;
      problems.push(invalid(field, expression, detail));
      return undefined;
    }
  };
  const rules = (
    given: readonly { expression?: string; message?: string }[],
    list: string,
    variables: typeof claims | typeof user,
  ): ValidationRule[] =>
    given.flatMap(({ expression, message = "" }, index) => {
      const field = child(at(child(path, list), index), "expression");
      const made = program(expression, field, variables, ["bool"]);
      return made ? [{ program: made, message }] : [];
    });
  const mappings = child(path, "claimMappings");
  const mapped = (name: "username" | "groups" | "uid") => {
    const made = program(claimMappings[name]?.expression, child(mappings, name, "expression"));
    return made ? { [name]: made } : {};
  };
  return {
    ...mapped("username"),
    ...mapped("groups"),
    ...mapped("uid"),
    extra: (claimMappings.extra ?? []).flatMap(({ key = "", valueExpression }, index) => {
      const made = program(valueExpression, child(at(child(mappings, "extra"), index), "valueExpression"));
      return made ? [{ key, program: made }] : [];
    }),
    claimRules: rules(claimValidationRules, "claimValidationRules", claims),
    userRules: rules(userValidationRules, "userValidationRules", user),
  };
}

/** Claims come from an issuer that was chosen; the limit is against expressions that never end. */
const BUDGET = 10_000_000;

function evaluate(program: CelProgram, bindings: Readonly<Record<string, unknown>>, what: string): unknown {
  try {
    return program.evaluate(bindings, { remaining: BUDGET });
  } catch (error) {
    throw new Error(`oidc: error evaluating ${what}: ${(error as Error).message}`, { cause: error });
  }
}

function usernameOf(
  claims: Claims,
  bindings: { claims: Claims },
  { claim = "", prefix = "" }: ClaimMapping,
  program: CelProgram | undefined,
): string {
  if (program) {
    const what = "username claim expression";
    const name = evaluate(program, bindings, what);
    if (typeof name !== "string") throw new Error(`oidc: error evaluating ${what}: ${what} must return a string`);
    if (name === "") throw new Error("oidc: empty username via CEL expression is not allowed");
    return name;
  }
  const name = claims[claim];
  if (typeof name !== "string") {
    const reason = Object.hasOwn(claims, claim) ? notText(name) : "claim not present";
    throw new Error(`oidc: parse username claims ${JSON.stringify(claim)}: ${reason}`);
  }
  if (claim === "email" && Object.hasOwn(claims, "email_verified")) {
    const verified = claims.email_verified;
    if (typeof verified !== "boolean") throw new Error("oidc: parse 'email_verified' claim: it is no boolean");
    if (!verified) throw new Error("oidc: email not verified");
  }
  return prefix + name;
}

function groupsOf(
  claims: Claims,
  bindings: { claims: Claims },
  { claim = "", prefix = "" }: ClaimMapping,
  program: CelProgram | undefined,
): string[] {
  if (program) {
    const what = "group claim expression";
    return texts(evaluate(program, bindings, what), `oidc: error evaluating ${what}`);
  }
  if (claim === "" || !Object.hasOwn(claims, claim)) return [];
  const value = claims[claim];
  if (value === null) return [];
  const groups = [value].flat();
  const wrong = groups.find((group) => typeof group !== "string");
  if (wrong !== undefined) throw new Error(`oidc: parse groups claim ${JSON.stringify(claim)}: ${notText(wrong)}`);
  return groups.map((group) => prefix + group);
}

function uidOf(
  claims: Claims,
  bindings: { claims: Claims },
  claim: string | undefined,
  program: CelProgram | undefined,
): string {
  if (program) {
    const what = "uid claim expression";
    const uid = evaluate(program, bindings, what);
    if (typeof uid !== "string") throw new Error(`oidc: error evaluating ${what}: ${what} must return a string`);
    return uid;
  }
  if (!claim) return "";
  const uid = claims[claim];
  if (typeof uid === "string") return uid;
  const reason = Object.hasOwn(claims, claim) ? notText(uid) : "claim not present";
  throw new Error(`oidc: parse uid claim ${JSON.stringify(claim)}: ${reason}`);
}

function extraOf(
  claims: Claims,
  bindings: { claims: Claims },
  programs: Compiled["extra"],
): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  if (typeof claims.jti === "string" && claims.jti !== "") extra[EXTRA.credentialId] = [`JTI=${claims.jti}`];
  for (const { key, program } of programs) {
    const what = "extra claim expression";
    const values = texts(evaluate(program, bindings, what), `oidc: error evaluating ${what}: ${program.source}`);
    if (values.length > 0) extra[key] = values;
  }
  return extra;
}

/** A text, a list of texts, or nothing; empty texts don't count. */
function texts(value: unknown, problem: string): string[] {
  if (value === null || value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  for (const one of list) {
    if (typeof one === "string") continue;
    throw new Error(`${problem}: expression must return a string or a list of strings`);
  }
  return list.filter((one) => one !== "");
}

function checkRules(rules: readonly ValidationRule[], bindings: Readonly<Record<string, unknown>>, what: string): void {
  for (const { program, message } of rules) {
    const holds = evaluate(program, bindings, what);
    if (holds === true) continue;
    const reason =
      typeof holds === "boolean"
        ? `validation expression '${program.source}' failed: ${message}`
        : `validation expression must return a boolean`;
    throw new Error(`oidc: error evaluating ${what}: ${reason}`);
  }
}

const notText = (value: unknown) =>
  `json: cannot unmarshal ${Array.isArray(value) ? "array" : value === null ? "null" : typeof value} into Go value of type string`;
