import type { RequestOptions } from "node:https";
import { type Network, systemNetwork } from "../../base/network.ts";

/** An endpoint can't be on loopback: what is dialled at this one gets to the test's own server. */
export const ENDPOINT = "192.0.2.10";

export const network: Network = {
  ...systemNetwork,
  https: {
    ...systemNetwork.https,
    request: ((options: RequestOptions) =>
      systemNetwork.https.request({ ...options, host: "127.0.0.1" })) as Network["https"]["request"],
  },
};
