import { parseImageReference } from "../../api/image-reference.ts";
import type { Secret } from "../../api/types/core.v1.ts";
import type { RegistryAuth } from "../runtime.ts";

/** One registry's entry of a Docker configuration file. */
interface AuthEntry {
  auth?: string;
  username?: string;
  password?: string;
  identitytoken?: string;
  registrytoken?: string;
}
type Auths = Record<string, AuthEntry>;

/**
 * The credentials in `secrets` that apply to `image`, the most particular first. Secrets of other types are passed
 * over. Throws where a secret of the right type can't be read.
 */
export function credentialsFor(image: string, secrets: readonly Secret[]): RegistryAuth[] {
  const { domain, path } = parseImageReference(image);
  const host = domain === "docker.io" ? "index.docker.io" : domain;
  const matching: { key: string; auth: RegistryAuth }[] = [];
  for (const secret of secrets) {
    for (const [key, entry] of Object.entries(authsOf(secret))) {
      const normal = normalizeKey(key);
      if (matches(normal, host, path)) matching.push({ key: normal, auth: credential(entry, key) });
    }
  }
  return matching.sort((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0)).map(({ auth }) => auth);
}

function authsOf(secret: Secret): Auths {
  const read = (key: string): unknown => {
    const text = Buffer.from(secret.data![key]!, "base64").toString();
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(`secret "${secret.metadata?.name}": ${key} is not JSON`, { cause: error });
    }
  };
  if (secret.type === "kubernetes.io/dockerconfigjson" && secret.data?.[".dockerconfigjson"]) {
    return (read(".dockerconfigjson") as { auths?: Auths }).auths ?? {};
  }
  if (secret.type === "kubernetes.io/dockercfg" && secret.data?.[".dockercfg"]) return read(".dockercfg") as Auths;
  return {};
}

/** `https://index.docker.io/v1/` and `docker.io` both mean Docker Hub; versions in the path mean nothing. */
function normalizeKey(key: string): string {
  const bare = key.replace(/^https?:\/\//, "").replace(/\/+$/, "");
  const slash = bare.indexOf("/");
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const path = slash < 0 ? "" : bare.slice(slash).replace(/^\/v[12](\/|$)/, "/");
  const named = host === "docker.io" || host === "registry-1.docker.io" ? "index.docker.io" : host;
  return `${named}${path === "/" ? "" : path}`;
}

/** Host patterns may have `*` within a part; the port must be the same; the path is a prefix. */
function matches(key: string, host: string, path: string): boolean {
  const slash = key.indexOf("/");
  const keyHost = slash < 0 ? key : key.slice(0, slash);
  const keyPath = slash < 0 ? "" : key.slice(slash + 1);
  if (!path.startsWith(keyPath)) return false;
  const [keyName = "", keyPort = ""] = keyHost.split(":");
  const [name = "", port = ""] = host.split(":");
  if (keyPort !== port) return false;
  const keyParts = keyName.split(".");
  const parts = name.split(".");
  return keyParts.length === parts.length && keyParts.every((part, index) => globMatches(part, parts[index]!));
}

function globMatches(pattern: string, text: string): boolean {
  const escaped = pattern
    .replace(/[\\^$.|+(){}]/g, "\\$&")
    .replaceAll("*", "[^.]*")
    .replaceAll("?", "[^.]");
  return new RegExp(`^${escaped}$`).test(text);
}

function credential(entry: AuthEntry, serverAddress: string): RegistryAuth {
  let { username, password } = entry;
  if (entry.auth && username === undefined) {
    const [user, ...rest] = Buffer.from(entry.auth, "base64").toString().split(":");
    username = user;
    password = rest.join(":");
  }
  return {
    serverAddress,
    ...(username !== undefined ? { username } : {}),
    ...(password !== undefined ? { password } : {}),
    ...(entry.identitytoken ? { identityToken: entry.identitytoken } : {}),
    ...(entry.registrytoken ? { registryToken: entry.registrytoken } : {}),
  };
}
