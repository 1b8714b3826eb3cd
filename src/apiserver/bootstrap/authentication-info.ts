import { configMaps } from "../../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../../api/status-error.ts";
import type { Client } from "../../client/client.ts";
import type { RequestHeaderOptions } from "../authentication/request-header.ts";

const NAME = "extension-apiserver-authentication";
const NAMESPACE = "kube-system";

/** Whom this server believes. */
export interface AuthenticationInfo {
  /** PEM of the CAs of client certificates. */
  readonly clientCa?: string | undefined;
  /** Who may name users in headers: extension servers believe the same proxies, this server among them. */
  readonly requestHeader?: RequestHeaderOptions | undefined;
}

/** Upstream's keys; lists are JSON. */
export function authenticationInfoData({ clientCa, requestHeader }: AuthenticationInfo): Record<string, string> {
  const data: Record<string, string> = {};
  if (clientCa !== undefined) data["client-ca-file"] = clientCa;
  if (!requestHeader) return data;
  const list = (values: readonly string[]) => JSON.stringify(values);
  data["requestheader-client-ca-file"] = requestHeader.ca;
  data["requestheader-allowed-names"] = list(requestHeader.allowedNames);
  data["requestheader-username-headers"] = list(requestHeader.usernameHeaders);
  data["requestheader-uid-headers"] = list(requestHeader.uidHeaders);
  data["requestheader-group-headers"] = list(requestHeader.groupHeaders);
  data["requestheader-extra-headers-prefix"] = list(requestHeader.extraHeaderPrefixes);
  return data;
}

/**
 * Tells other components whose certificates this server accepts, of clients and of front proxies, so that they can accept
 * the same: the ConfigMap from which extension servers, and upstream's scheduler and controller manager, set up their own
 * authentication.
 */
export async function publishAuthenticationInfo(client: Client, info: AuthenticationInfo): Promise<void> {
  const resource = client.resource(configMaps);
  const data = authenticationInfoData(info);
  try {
    const present = await resource.get(NAME, NAMESPACE);
    if (Object.entries(data).every(([key, value]) => present.data?.[key] === value)) return;
    await resource.update({ ...present, data: { ...present.data, ...data } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    try {
      await resource.create({ metadata: { name: NAME, namespace: NAMESPACE }, data });
    } catch (failure) {
      // Another server was quicker; the hook is tried again.
      if (isAlreadyExists(failure)) throw new Error(`${NAME} was just created by another server`, { cause: failure });
      throw failure;
    }
  }
}
