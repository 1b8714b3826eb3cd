import { serviceAccounts } from "../api/resource-types.ts";
import { isAlreadyExists, isNotFound } from "../api/status-error.ts";
import type { TokenRequest } from "../api/types/authentication.v1.ts";
import type { Clock } from "../base/clock.ts";
import type { Client } from "./client.ts";
import type { Transport } from "./transport.ts";

export interface ServiceAccountTransportOptions {
  /** Carries the requests; it must not show credentials of its own. Stays the caller's: `close` leaves it open. */
  base: Transport;
  /** Who may create the ServiceAccount and its tokens. */
  issuer: Client;
  namespace: string;
  name: string;
  clock: Clock;
}

const TOKEN_SECONDS = 3600;
/** A token is replaced when this share of its life is over. */
const RENEW_AT = 0.8;

/**
 * A Transport that acts as a ServiceAccount, by short-lived tokens that it asks for when they are needed. The account is
 * created where it is missing. How upstream's `--use-service-account-credentials` gives each controller rights of its own.
 */
export function serviceAccountTransport(options: ServiceAccountTransportOptions): Transport {
  const { base, issuer, namespace, name, clock } = options;
  const accounts = issuer.resource(serviceAccounts);
  let current: { token: string; renewAt: number } | undefined;
  let asking: Promise<string> | undefined;

  const request = () =>
    accounts.createSubresource<TokenRequest>(name, namespace, "token", {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: TOKEN_SECONDS },
    });
  const ask = async (): Promise<string> => {
    const begun = clock.now();
    const issued = await request().catch(async (error) => {
      if (!isNotFound(error)) throw error;
      await accounts.create({ metadata: { name, namespace } }).catch((failure) => {
        if (!isAlreadyExists(failure)) throw failure;
      });
      return request();
    });
    const { token = "", expirationTimestamp = "" } = issued.status ?? {};
    current = { token, renewAt: begun + (Date.parse(expirationTimestamp) - begun) * RENEW_AT };
    return token;
  };
  const token = (): Promise<string> | string => {
    if (current && clock.now() < current.renewAt) return current.token;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };

  return {
    async request(sent) {
      const authorization = `Bearer ${await token()}`;
      const response = await base.request({ ...sent, headers: { ...sent.headers, authorization } });
      // A token that is not taken any more (the account was made anew) must not be tried again.
      if (response.status === 401) current = undefined;
      return response;
    },
    close: async () => {},
  };
}
