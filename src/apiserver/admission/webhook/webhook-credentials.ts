import { dirname, resolve } from "node:path";
import type { Files } from "../../../base/files.ts";
import type { Kubeconfig, KubeconfigUser } from "../../../client/kubeconfig.ts";
import type { WebhookClientConfig } from "../../webhook/webhook-client.ts";

/** Who the server is to the webhook at an address; undefined: nobody in particular. */
export type WebhookCredentials = (config: WebhookClientConfig) => WebhookClientConfig["auth"];

/**
 * Credentials of a kubeconfig file whose users are named by the addresses of webhooks: `host:port`, `name.ns.svc:port`, or
 * either with `*.` in place of its first labels; without the port where that is 443. See
 * https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers.
 */
export async function webhookCredentials(path: string, files: Files): Promise<WebhookCredentials> {
  const { parse } = await import("../../../base/yaml.ts");
  const { users = [] } = (parse(await files.readFile(path, "utf8")) ?? {}) as Kubeconfig;
  const known = new Map<string, WebhookClientConfig["auth"]>();
  for (const { name, user } of users) known.set(name, await authOf(name, user, dirname(path), files));
  return (config) => {
    for (const name of candidates(config)) if (known.has(name)) return known.get(name);
    return undefined;
  };
}

function* candidates({ url, service }: WebhookClientConfig): Generator<string> {
  let [host, port] = ["", ""];
  if (service) [host, port] = [`${service.name}.${service.namespace}.svc`, String(service.port ?? 443)];
  else if (url && URL.canParse(url)) [host, port] = [new URL(url).hostname, new URL(url).port || "443"];
  const given = `${host}:${port}`;
  yield* named(given);
  if (port === "443") yield* named(host);
}

function* named(target: string): Generator<string> {
  yield target;
  const labels = target.split(".");
  for (let from = 1; from < labels.length; from++) yield `*.${labels.slice(from).join(".")}`;
}

async function authOf(
  name: string,
  user: KubeconfigUser,
  base: string,
  files: Files,
): Promise<WebhookClientConfig["auth"]> {
  for (const unsupported of ["exec", "auth-provider"] as const) {
    if (user[unsupported] !== undefined) {
      throw new Error(`user ${JSON.stringify(name)} gets its credentials from ${unsupported}, which is not supported`);
    }
  }
  const inline = async (data: string | undefined, file: string | undefined) => {
    if (data) return Buffer.from(data, "base64").toString("utf8");
    return file ? files.readFile(resolve(base, file), "utf8") : undefined;
  };
  const certificate = await inline(user["client-certificate-data"], user["client-certificate"]);
  const key = await inline(user["client-key-data"], user["client-key"]);
  const token = user.tokenFile ? (await inline(undefined, user.tokenFile))?.trim() : user.token;
  const { username, password } = user;
  return {
    ...(certificate ? { certificate } : {}),
    ...(key ? { key } : {}),
    ...(token ? { token } : {}),
    ...(username ? { username, password: password ?? "" } : {}),
  };
}
