import { dirname, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Files } from "../base/files.ts";
import type { Network } from "../base/network.ts";
import { type HttpsTransportOptions, httpsTransport } from "./https-transport.ts";
import type { Transport } from "./transport.ts";

/** The parts of a kubeconfig file (client.authentication.k8s.io and v1 Config) that are understood. */
export interface Kubeconfig {
  apiVersion?: string;
  kind?: string;
  "current-context"?: string;
  contexts?: { name: string; context: { cluster: string; user: string; namespace?: string } }[];
  clusters?: { name: string; cluster: KubeconfigCluster }[];
  users?: { name: string; user: KubeconfigUser }[];
}
export interface KubeconfigCluster {
  server?: string;
  "certificate-authority"?: string;
  "certificate-authority-data"?: string;
  "tls-server-name"?: string;
  "insecure-skip-tls-verify"?: boolean;
  "proxy-url"?: string;
}
export interface KubeconfigUser {
  "client-certificate"?: string;
  "client-certificate-data"?: string;
  "client-key"?: string;
  "client-key-data"?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  exec?: unknown;
  "auth-provider"?: unknown;
  as?: string;
  "as-uid"?: string;
  "as-groups"?: string[];
  "as-user-extra"?: Record<string, string[]>;
}

/** What a context of a kubeconfig says: where the server is, how to trust it, and who to be. */
export interface KubeconfigContext {
  name: string;
  /** The namespace that commands use by default. */
  namespace?: string;
  connection: Omit<HttpsTransportOptions, "network" | "clock" | "files">;
  /** Impersonation headers, for ClientOptions.headers. */
  headers: Record<string, string>;
}

export class KubeconfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "KubeconfigError";
  }
}

/**
 * Reads the kubeconfig at `path` and resolves a context, the current one unless named. Files it refers to are relative to
 * it. Throws a KubeconfigError that names what is missing, or what is not supported: credential plugins and proxies.
 */
export async function loadKubeconfig(
  path: string,
  files: Files,
  options: { context?: string } = {},
): Promise<KubeconfigContext> {
  const { parse } = await import("../base/yaml.ts");
  const parsed: unknown = parse(await files.readFile(path, "utf8"));
  if (typeof parsed !== "object" || parsed === null) throw new KubeconfigError(`${path} holds no kubeconfig`);
  const config = parsed as Kubeconfig;
  const name = options.context ?? config["current-context"];
  if (!name) throw new KubeconfigError(`${path} names no current context`);
  const context = config.contexts?.find((entry) => entry.name === name)?.context;
  if (!context) throw new KubeconfigError(`${path} has no context ${JSON.stringify(name)}`);
  const cluster = config.clusters?.find((entry) => entry.name === context.cluster)?.cluster;
  if (!cluster) throw new KubeconfigError(`${path} has no cluster ${JSON.stringify(context.cluster)}`);
  const user = config.users?.find((entry) => entry.name === context.user)?.user;
  if (context.user && !user) throw new KubeconfigError(`${path} has no user ${JSON.stringify(context.user)}`);
  if (!cluster.server) throw new KubeconfigError(`${path}: cluster ${JSON.stringify(context.cluster)} has no server`);
  for (const unsupported of ["exec", "auth-provider"] as const) {
    if (user?.[unsupported] !== undefined) {
      throw new KubeconfigError(
        `${path}: user ${JSON.stringify(context.user)} gets its credentials from ${unsupported}, which is not supported; ` +
          "use a client certificate, a token or a tokenFile",
      );
    }
  }
  if (cluster["proxy-url"]) {
    throw new KubeconfigError(
      `${path}: cluster ${JSON.stringify(context.cluster)} wants a proxy, which is not supported`,
    );
  }

  const inline = async (data: string | undefined, file: string | undefined): Promise<Uint8Array | undefined> => {
    if (data) return Buffer.from(data, "base64");
    return file ? await files.readFile(resolve(dirname(path), file)) : undefined;
  };
  return {
    name,
    ...(context.namespace ? { namespace: context.namespace } : {}),
    connection: {
      server: cluster.server,
      ca: await inline(cluster["certificate-authority-data"], cluster["certificate-authority"]),
      serverName: cluster["tls-server-name"],
      insecureSkipTlsVerify: cluster["insecure-skip-tls-verify"],
      certificate: await inline(user?.["client-certificate-data"], user?.["client-certificate"]),
      key: await inline(user?.["client-key-data"], user?.["client-key"]),
      token: user?.token,
      tokenFile: user?.tokenFile ? resolve(dirname(path), user.tokenFile) : undefined,
      username: user?.username,
      password: user?.password,
    },
    headers: impersonation(user),
  };
}

/** The Transport that a kubeconfig's context describes, with its name and namespace. */
export async function kubeconfigTransport(
  path: string,
  effects: { network: Network; clock: Clock; files: Files },
  options: { context?: string } = {},
): Promise<{ transport: Transport; context: KubeconfigContext }> {
  const context = await loadKubeconfig(path, effects.files, options);
  return { transport: httpsTransport({ ...context.connection, ...effects }), context };
}

function impersonation(user: KubeconfigUser | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (!user) return headers;
  if (user.as) headers["impersonate-user"] = user.as;
  if (user["as-uid"]) headers["impersonate-uid"] = user["as-uid"];
  const groups = user["as-groups"] ?? [];
  // A header's value is one string here; several of one name would need a list.
  if (groups.length > 1 || user["as-user-extra"]) {
    throw new KubeconfigError("as-groups of more than one group and as-user-extra are not supported");
  }
  if (groups[0]) headers["impersonate-group"] = groups[0];
  return headers;
}
