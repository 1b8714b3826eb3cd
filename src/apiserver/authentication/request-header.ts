import type { UserInfo } from "../../api/user.ts";
import { parseCertificate } from "../../base/x509.ts";
import type { Authenticator, Credentials } from "../authentication.ts";
import { rejection } from "./rejection.ts";

/** Upstream's --requestheader-* flags. */
export interface RequestHeaderOptions {
  /** PEM of the CAs that proxies' certificates come from. */
  readonly ca: string;
  /** Common names of the proxies; empty: all that the CA vouches for. */
  readonly allowedNames: readonly string[];
  /** Headers, of which the first that is there counts. */
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  /** Headers whose values are all groups. */
  readonly groupHeaders: readonly string[];
  /** What comes after the prefix is the key, percent-encoded. */
  readonly extraHeaderPrefixes: readonly string[];
}

/**
 * Users as an authenticating proxy in front of this server names them in headers. The proxy shows a certificate of a CA of
 * its own; without it the headers are never looked at.
 * See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy.
 */
export function requestHeaderAuthenticator(options: RequestHeaderOptions): Authenticator {
  const lower = (names: readonly string[]) => names.map((name) => name.toLowerCase());
  const [names, uids, groups, prefixes] = [
    lower(options.usernameHeaders),
    lower(options.uidHeaders),
    lower(options.groupHeaders),
    lower(options.extraHeaderPrefixes),
  ];
  return {
    async authenticate({ proxyCertificate, headers }) {
      if (!proxyCertificate) return undefined;
      const { commonName, usages } = parseCertificate(proxyCertificate);
      if (!usages.includes("client")) throw rejection(`the certificate of ${commonName} is not for clients`);
      if (options.allowedNames.length > 0 && !options.allowedNames.includes(commonName)) {
        throw rejection(`x509: subject with cn=${commonName} is not in the allowed list`);
      }
      const name = firstOf(headers, names);
      if (name === "") return undefined;
      const uid = firstOf(headers, uids);
      const extra = extraOf(headers, prefixes);
      const user: UserInfo = {
        name,
        ...(uid ? { uid } : {}),
        groups: groups.flatMap((header) => valuesOf(headers, header)),
        ...(Object.keys(extra).length > 0 ? { extra } : {}),
      };
      return user;
    },
  };
}

type Headers = Credentials["headers"];

const valuesOf = (headers: Headers, name: string): string[] => {
  const value = headers[name];
  return (Array.isArray(value) ? value : value === undefined ? [] : [value]).filter((one) => one !== "");
};

const firstOf = (headers: Headers, names: readonly string[]): string => {
  for (const name of names) {
    const [value] = valuesOf(headers, name);
    if (value) return value;
  }
  return "";
};

function extraOf(headers: Headers, prefixes: readonly string[]): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const prefix of prefixes) {
    for (const header of Object.keys(headers)) {
      if (!header.startsWith(prefix)) continue;
      const key = decoded(header.slice(prefix.length));
      extra[key] = [...(extra[key] ?? []), ...valuesOf(headers, header)];
    }
  }
  return extra;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key; // as it is, where it is no encoding
  }
}
