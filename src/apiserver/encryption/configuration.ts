import { parseDuration } from "../../api/duration.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { at, child, invalid, required } from "../../api/resources/field-errors.ts";
import {
  type ConfigurationKind,
  integer,
  listOf,
  problemsError,
  readConfiguration,
  record,
  text,
} from "../configuration/shape.ts";

/**
 * EncryptionConfiguration (apiserver.config.k8s.io/v1): which resources are encrypted, and how.
 * See https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/.
 */
export interface EncryptionConfiguration {
  readonly resources?: readonly ResourceEncryption[];
}

export interface ResourceEncryption {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group) or `*.*`. */
  readonly resources?: readonly string[];
  /** The first one writes; all read. */
  readonly providers?: readonly Provider[];
}

/** One of them is set. */
export interface Provider {
  readonly aesgcm?: { readonly keys?: readonly Key[] };
  readonly aescbc?: { readonly keys?: readonly Key[] };
  readonly secretbox?: { readonly keys?: readonly Key[] };
  readonly kms?: KmsConfiguration;
  readonly identity?: object;
}

export interface Key {
  readonly name?: string;
  /** Base64. */
  readonly secret?: string;
}

export interface KmsConfiguration {
  /** Default: v1, as upstream's. */
  readonly apiVersion?: string;
  readonly name?: string;
  readonly cachesize?: number;
  readonly endpoint?: string;
  /** Default: 3s. */
  readonly timeout?: string;
}

const keys = record("AESConfiguration", { keys: listOf(record("Key", { name: text, secret: text })) });

const KIND: ConfigurationKind = {
  group: "apiserver.config.k8s.io",
  versions: ["v1"],
  kind: "EncryptionConfiguration",
  fields: {
    resources: listOf(
      record("ResourceConfiguration", {
        resources: listOf(text),
        providers: listOf(
          record("ProviderConfiguration", {
            aesgcm: keys,
            aescbc: keys,
            secretbox: keys,
            identity: record("IdentityConfiguration", {}),
            kms: record("KMSConfiguration", {
              apiVersion: text,
              name: text,
              cachesize: integer,
              endpoint: text,
              timeout: text,
            }),
          }),
        ),
      }),
    ),
  },
};

/** Reads and checks the text of a configuration. Throws an Error that names every problem, in upstream's words. */
export async function parseEncryptionConfiguration(
  content: string,
  options: { reload: boolean },
): Promise<EncryptionConfiguration> {
  const { configuration } = await readConfiguration<EncryptionConfiguration>(content, KIND);
  const error = problemsError(validateEncryptionConfiguration(configuration, options));
  if (error) throw error;
  return configuration;
}

export const DEFAULT_KMS_TIMEOUT_MS = 3_000;
export const PROVIDERS = ["kms", "aesgcm", "aescbc", "secretbox", "identity"] as const;
const KEY_SIZES = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const;
const atLeastOne = (what: string) => `at least one ${what} is required`;

export function validateEncryptionConfiguration(
  { resources = [] }: EncryptionConfiguration,
  { reload }: { reload: boolean },
): FieldError[] {
  if (resources.length === 0) return [required("resources", atLeastOne("resources"))];
  const found: FieldError[] = [];
  const kmsNames = new Set<string>();
  resources.forEach((rule, index) => {
    const named = child(at("resources", index), "resources");
    const provided = child(at("resources", index), "providers");
    if (!rule.resources?.length) found.push(required(named, atLeastOne(named)));
    found.push(...checkResources(rule.resources ?? [], named));
    if (!rule.providers?.length) found.push(required(provided, atLeastOne(provided)));
    rule.providers?.forEach((provider, position) => {
      found.push(...checkProvider(provider, at(provided, position), kmsNames, reload));
    });
  });
  return found;
}

/** `deployments.apps` → both parts; without a dot the group is the core one. */
export function splitResource(resource: string): { group: string; resource: string } {
  const dot = resource.indexOf(".");
  return dot < 0 ? { group: "", resource } : { resource: resource.slice(0, dot), group: resource.slice(dot + 1) };
}

const NOT_SERVED = ["apiserveripinfo", "serviceipallocations", "servicenodeportallocations"];

function checkResources(resources: readonly string[], path: string): FieldError[] {
  const found: FieldError[] = [];
  const split = resources.map(splitResource);
  const pairs = split.flatMap((one, index) => split.filter((_, other) => other !== index).map((other) => [one, other]));
  const same = ([a, b]: typeof split) => a!.group === b!.group && a!.resource === b!.resource;
  if (pairs.some(same)) found.push(invalid(path, resources, "the same resource cannot be specified multiple times"));
  const overlap = pairs.some(([a, b]) => {
    if (same([a!, b!])) return false;
    if (a!.group === "*" && a!.resource === "*") return true;
    return a!.group === b!.group && (a!.resource === "*" || b!.resource === "*");
  });
  if (overlap) {
    const rule =
      "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
    found.push(invalid(path, resources, rule));
  }
  resources.forEach((resource, index) => {
    const problem = resourceProblem(resource);
    if (problem) found.push(invalid(at(path, index), resource, problem));
  });
  return found;
}

function resourceProblem(given: string): string | undefined {
  if (given.toLowerCase() !== given) return "resource name should not contain capital letters";
  if (given === "*") {
    return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
  }
  if (NOT_SERVED.includes(given)) return "resources which do not have REST API/s cannot be encrypted";
  const { group, resource } = splitResource(given);
  if (group === "events.k8s.io") {
    return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
  }
  if (group === "extensions") return "'extensions' group has been removed and cannot be used for encryption";
  if (group === "*" && resource !== "*") return "encrypting the same resource across groups is not supported";
  return undefined;
}

function checkProvider(provider: Provider, path: string, kmsNames: Set<string>, reload: boolean): FieldError[] {
  const set = PROVIDERS.filter((name) => provider[name] !== undefined);
  const [chosen] = set;
  if (!chosen) {
    const rule = "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity";
    return [invalid(path, {}, rule)];
  }
  if (set.length > 1) {
    const rule = "more than one provider specified in a single element, should split into different list elements";
    // The value is not shown: it holds keys.
    return [invalid(path, "REDACTED", rule)];
  }
  if (chosen === "kms") return checkKms(provider.kms!, child(path, "kms"), kmsNames, reload);
  if (chosen === "identity") return [];
  const at = child(path, chosen, "keys");
  const given = provider[chosen]?.keys ?? [];
  if (given.length === 0) return [required(at, atLeastOne("keys"))];
  return given.flatMap((key, index) => checkKey(key, `${at}[${index}]`, KEY_SIZES[chosen]));
}

function checkKey({ name, secret }: Key, path: string, sizes: readonly number[]): FieldError[] {
  const found: FieldError[] = [];
  const mandatory = (field: string) => required(child(path, field), `${field} is a mandatory field for a key`);
  if (!name) found.push(mandatory("name"));
  if (!secret) return [...found, mandatory("secret")];
  const refuse = (rule: string) => found.push(invalid(child(path, "secret"), "REDACTED", rule));
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret.replaceAll(/[\r\n]/g, ""))) {
    refuse("secrets must be base64 encoded");
    return found;
  }
  const { length } = Buffer.from(secret, "base64");
  if (!sizes.includes(length)) {
    refuse(`secret is not of the expected length, got ${length}, expected one of [${sizes.join(" ")}]`);
  }
  return found;
}

function checkKms(kms: KmsConfiguration, path: string, names: Set<string>, reload: boolean): FieldError[] {
  const found: FieldError[] = [];
  const { apiVersion = "v1", name = "", endpoint = "" } = kms;
  if (name === "") found.push(required(child(path, "name"), "name is a mandatory field for a provider"));
  if (apiVersion !== "v1" && name.includes(":")) {
    found.push(invalid(child(path, "name"), name, `invalid KMS provider name ${name}, must not contain ':'`));
  }
  if ((reload || apiVersion !== "v1") && names.has(name)) {
    found.push(invalid(child(path, "name"), name, `duplicate KMS provider name ${name}, names must be unique`));
  }
  names.add(name);
  try {
    if (kmsTimeout(kms) <= 0)
      found.push(invalid(child(path, "timeout"), kms.timeout, "timeout should be a positive value"));
  } catch (error) {
    found.push(invalid(child(path, "timeout"), kms.timeout, (error as Error).message));
  }
  if (endpoint === "") found.push(invalid(child(path, "endpoint"), "", "endpoint is a mandatory field for a kms"));
  else {
    const url = URL.parse(endpoint);
    const scheme = url?.protocol.slice(0, -1) ?? "";
    if (scheme !== "unix") {
      const rule = `unsupported scheme ${JSON.stringify(scheme)} for KMS provider, only unix is supported`;
      found.push(invalid(child(path, "endpoint"), endpoint, rule));
    }
  }
  if (apiVersion !== "v1" && kms.cachesize !== undefined) {
    found.push(invalid(child(path, "cachesize"), kms.cachesize, "cachesize is not supported in v2"));
  }
  if (apiVersion === "v1" && kms.cachesize === 0) {
    const rule = "cachesize should be a positive value, or negative to disable";
    found.push(invalid(child(path, "cachesize"), 0, rule));
  }
  if (apiVersion !== "v1" && apiVersion !== "v2") {
    const rule = "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported";
    found.push(invalid(child(path, "apiVersion"), apiVersion, rule));
  }
  return found;
}

/** How long a call of the plugin may take, in ms. Throws a RangeError where the duration can't be read. */
export const kmsTimeout = ({ timeout }: KmsConfiguration): number =>
  timeout === undefined || timeout === "" ? DEFAULT_KMS_TIMEOUT_MS : parseDuration(timeout);
