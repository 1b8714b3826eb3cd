import type { CelProgram } from "../../api/cel/cel.ts";
import { parseDuration } from "../../api/duration.ts";
import { checkDnsSubdomain } from "../../api/names.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { at, child, duplicate, invalid, notSupported, required } from "../../api/resources/field-errors.ts";
import type { Files } from "../../base/files.ts";
import {
  type ConfigurationKind,
  flag,
  listOf,
  problemsError,
  readConfiguration,
  record,
  text,
} from "../configuration/shape.ts";
import { reviewWebhookConfig } from "../review-webhook.ts";
import type { WebhookClientConfig } from "../webhook/webhook-client.ts";
import type { AbacPolicy } from "./abac.ts";
import { compileConditions } from "./match-conditions.ts";
import type { AuthorizationWebhook } from "./webhook.ts";

/** The authorizers to ask, in their order; the name tells those of one type apart. */
export type AuthorizerSpec =
  | { readonly type: "Node" | "RBAC" | "AlwaysAllow" | "AlwaysDeny"; readonly name: string }
  | { readonly type: "ABAC"; readonly name: string; readonly policies: readonly AbacPolicy[] }
  | { readonly type: "Webhook"; readonly name: string; readonly webhook: AuthorizationWebhook };

export type AuthorizationMode = AuthorizerSpec["type"];
export const AUTHORIZATION_MODES: readonly AuthorizationMode[] = [
  "ABAC",
  "AlwaysAllow",
  "AlwaysDeny",
  "Node",
  "RBAC",
  "Webhook",
];

interface AuthorizationConfiguration {
  readonly authorizers?: readonly AuthorizerConfiguration[];
}
interface AuthorizerConfiguration {
  readonly type?: string;
  readonly name?: string;
  readonly webhook?: WebhookConfiguration;
}
interface WebhookConfiguration {
  readonly authorizedTTL?: string;
  readonly cacheAuthorizedRequests?: boolean;
  readonly unauthorizedTTL?: string;
  readonly cacheUnauthorizedRequests?: boolean;
  readonly timeout?: string;
  readonly subjectAccessReviewVersion?: string;
  readonly matchConditionSubjectAccessReviewVersion?: string;
  readonly failurePolicy?: string;
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string };
  readonly matchConditions?: readonly { readonly expression?: string }[];
}

const KIND: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1", "v1beta1"],
  kind: "AuthorizationConfiguration",
  fields: {
    authorizers: listOf(
      record("AuthorizerConfiguration", {
        type: text,
        name: text,
        webhook: record("WebhookConfiguration", {
          authorizedTTL: text,
          cacheAuthorizedRequests: flag,
          unauthorizedTTL: text,
          cacheUnauthorizedRequests: flag,
          timeout: text,
          subjectAccessReviewVersion: text,
          matchConditionSubjectAccessReviewVersion: text,
          failurePolicy: text,
          connectionInfo: record("WebhookConnectionInfo", { type: text, kubeConfigFile: text }),
          matchConditions: listOf(record("WebhookMatchCondition", { expression: text })),
        }),
      }),
    ),
  },
};

const DEFAULT_AUTHORIZED_MS = 5 * 60_000;
const DEFAULT_UNAUTHORIZED_MS = 30_000;
const MAX_TIMEOUT_MS = 30_000;

/**
 * Reads upstream's --authorization-config: AuthorizationConfiguration of apiserver.config.k8s.io (KEP-3221), with the
 * kubeconfig files that it names. Throws an Error with all that is wrong, in upstream's words.
 */
export async function parseAuthorizationConfiguration(content: string, files: Files): Promise<AuthorizerSpec[]> {
  const { configuration } = await readConfiguration<AuthorizationConfiguration>(content, KIND);
  const { authorizers = [] } = configuration;
  const problems: FieldError[] = [];
  if (authorizers.length === 0) {
    problems.push(required("authorizers", "at least one authorization mode must be defined"));
  }
  const types = new Set<string>();
  const names = new Set<string>();
  const specs: AuthorizerSpec[] = [];
  for (const [index, { type = "", name = "", webhook }] of authorizers.entries()) {
    const path = at("authorizers", index);
    if (type === "") problems.push(required(child(path, "type")));
    else if (!(AUTHORIZATION_MODES as readonly string[]).includes(type)) {
      problems.push(notSupported(child(path, "type"), type, AUTHORIZATION_MODES));
    } else if (types.has(type) && type !== "Webhook") problems.push(duplicate(child(path, "type"), type));
    else {
      types.add(type);
      problems.push(...checkName(name, names, child(path, "name")));
      names.add(name);
      const spec = await specOf(type as AuthorizationMode, name, webhook, path, files, problems);
      if (spec) specs.push(spec);
    }
  }
  const error = problemsError(problems);
  if (error) throw error;
  return specs;
}

function checkName(name: string, names: ReadonlySet<string>, path: string): FieldError[] {
  if (name === "") return [required(path)];
  if (names.has(name)) return [duplicate(path, name)];
  const errors = checkDnsSubdomain(name);
  return errors.length === 0 ? [] : [invalid(path, name, `authorizer name is invalid: ${errors.join(", ")}`)];
}

async function specOf(
  type: AuthorizationMode,
  name: string,
  webhook: WebhookConfiguration | undefined,
  path: string,
  files: Files,
  problems: FieldError[],
): Promise<AuthorizerSpec | undefined> {
  if (type === "Webhook") {
    if (!webhook) {
      problems.push(required(child(path, "webhook"), "required when type=Webhook"));
      return undefined;
    }
    const made = await webhookOf(webhook, path, files, problems);
    return made && { type, name, webhook: made };
  }
  if (webhook) problems.push(invalid(child(path, "webhook"), "non-null", "may only be specified when type=Webhook"));
  if (type === "ABAC") {
    // Its policies are named by a flag, which upstream doesn't take along with this file either.
    problems.push(
      invalid(child(path, "type"), type, "ABAC needs --authorization-policy-file, use --authorization-mode"),
    );
    return undefined;
  }
  return { type, name };
}

async function webhookOf(
  given: WebhookConfiguration,
  path: string,
  files: Files,
  problems: FieldError[],
): Promise<AuthorizationWebhook | undefined> {
  const before = problems.length;
  const duration = (field: "timeout" | "authorizedTTL" | "unauthorizedTTL", fallback: number): number => {
    const value = given[field];
    try {
      return value === undefined || value === "" ? fallback : parseDuration(value) || fallback;
    } catch (error) {
      problems.push(invalid(child(path, field), value, (error as Error).message));
      return 1;
    }
  };
  const timeoutMs = duration("timeout", 0);
  if (timeoutMs === 0) problems.push(required(child(path, "timeout")));
  else if (timeoutMs < 0 || timeoutMs > MAX_TIMEOUT_MS) {
    problems.push(invalid(child(path, "timeout"), given.timeout, "must be > 0s and <= 30s"));
  }
  const authorizedTtlMs = duration("authorizedTTL", DEFAULT_AUTHORIZED_MS);
  const unauthorizedTtlMs = duration("unauthorizedTTL", DEFAULT_UNAUTHORIZED_MS);
  for (const [field, ms] of [
    ["authorizedTTL", authorizedTtlMs],
    ["unauthorizedTTL", unauthorizedTtlMs],
  ] as const) {
    if (ms < 0) problems.push(invalid(child(path, field), given[field], "must be > 0s"));
  }
  const oneOf = <T extends string>(field: keyof WebhookConfiguration, values: readonly T[]): T => {
    const value = given[field] as string | undefined;
    if (!value) problems.push(required(child(path, field)));
    else if (!values.includes(value as T)) problems.push(notSupported(child(path, field), value, values));
    return value as T;
  };
  const version = oneOf("subjectAccessReviewVersion", ["v1", "v1beta1"]);
  const { matchConditions = [], matchConditionSubjectAccessReviewVersion: conditionVersion } = given;
  if (conditionVersion) oneOf("matchConditionSubjectAccessReviewVersion", ["v1"]);
  else if (matchConditions.length > 0) {
    const field = child(path, "matchConditionSubjectAccessReviewVersion");
    problems.push(required(field, "required if match conditions are specified"));
  }
  const failurePolicy = oneOf("failurePolicy", ["NoOpinion", "Deny"]);
  const config = await connection(given, child(path, "connectionInfo"), files, problems);
  const conditions: CelProgram[] = await compileConditions(matchConditions, child(path, "matchConditions"), problems);
  if (problems.length > before || !config) return undefined;
  return {
    config,
    version,
    timeoutMs,
    authorizedTtlMs: given.cacheAuthorizedRequests === false ? 0 : authorizedTtlMs,
    unauthorizedTtlMs: given.cacheUnauthorizedRequests === false ? 0 : unauthorizedTtlMs,
    onFailure: failurePolicy === "Deny" ? "deny" : "no-opinion",
    conditions,
  };
}

async function connection(
  { connectionInfo = {} }: WebhookConfiguration,
  path: string,
  files: Files,
  problems: FieldError[],
): Promise<WebhookClientConfig | undefined> {
  const { type = "", kubeConfigFile = "" } = connectionInfo;
  const file = child(path, "kubeConfigFile");
  if (type === "") problems.push(required(child(path, "type")));
  else if (type === "InClusterConfig") {
    problems.push(
      invalid(child(path, "type"), type, "the API server has no in-cluster configuration: use KubeConfigFile"),
    );
  } else if (type !== "KubeConfigFile") {
    problems.push(notSupported(child(path, "type"), type, ["InClusterConfig", "KubeConfigFile"]));
  } else if (kubeConfigFile === "") problems.push(required(file));
  else if (!kubeConfigFile.startsWith("/")) problems.push(invalid(file, kubeConfigFile, "must be an absolute path"));
  else {
    try {
      return await reviewWebhookConfig(kubeConfigFile, files);
    } catch (error) {
      problems.push(invalid(file, kubeConfigFile, `error loading file: ${(error as Error).message}`));
    }
  }
  return undefined;
}
