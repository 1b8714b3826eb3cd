import { apiVersionOf } from "../../api/object.ts";
import type { APIServiceCondition } from "../../api/types/apiregistration.v1.ts";
import type { Service } from "../../api/types/core.v1.ts";
import type { EndpointSlice } from "../../api/types/discovery.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { RemoteApi } from "./api-services.ts";

/** As whom the server asks extension servers for discovery. */
export const AGGREGATOR: UserInfo = { name: "system:kube-aggregator", groups: ["system:masters"] };

/** How long an extension server may take to answer a check. */
const CHECK_TIMEOUT_MS = 5_000;
/** Checks that are made at once: one success is enough. */
const ATTEMPTS = 5;

/** The condition Available without its time. */
export type Verdict = Required<Pick<APIServiceCondition, "status" | "reason" | "message">>;

/** What the Service and its endpoints say about an extension server; undefined: nothing against it. Pure. */
export function serviceVerdict(
  { apiService }: Pick<RemoteApi, "apiService">,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
): Verdict | undefined {
  const { namespace = "", name = "", port = 443 } = apiService.spec?.service ?? {};
  const where = `service/${name} in ${JSON.stringify(namespace)}`;
  const unavailable = (reason: string, message: string): Verdict => ({ status: "False", reason, message });
  if (!service) return unavailable("ServiceNotFound", `${where} is not present`);
  if ((service.spec?.type ?? "ClusterIP") !== "ClusterIP") return undefined;
  const found = service.spec?.ports?.find((one) => one.port === port);
  if (!found) return unavailable("ServicePortError", `${where} is not listening on port ${port}`);
  if (slices.length === 0) return unavailable("EndpointsNotFound", `cannot find endpointslices for ${where}`);
  const portName = found.name ?? "";
  const served = slices.some(
    ({ endpoints, ports }) =>
      endpoints?.some(({ conditions }) => conditions?.ready !== false) &&
      ports?.some((one) => (one.name ?? "") === portName && one.port),
  );
  if (served) return undefined;
  const message = `endpointslices for ${where} have no addresses with port name ${JSON.stringify(portName)}`;
  return unavailable("MissingEndpoints", message);
}

/** Asks an extension server for its discovery document: several times at once, the first success decides. */
export async function discoveryVerdict({ apiService, server }: RemoteApi): Promise<Verdict> {
  const { group = "", version = "" } = apiService.spec ?? {};
  const path = apiService.metadata?.name === "v1." ? `/api/${version}` : `/apis/${apiVersionOf({ group, version })}`;
  const attempt = async () => {
    const { url, answer } = await server.get(path, { user: AGGREGATOR, timeoutMs: CHECK_TIMEOUT_MS });
    if (answer.status >= 200 && answer.status < 300) return;
    const bad = `bad status from ${url}: ${answer.status}`;
    throw new Error(`failing or missing response from ${url}: ${bad}`);
  };
  try {
    await Promise.any(Array.from({ length: ATTEMPTS }, attempt));
    return { status: "True", reason: "Passed", message: "all checks passed" };
  } catch (error) {
    const { errors } = error as AggregateError;
    return { status: "False", reason: "FailedDiscoveryCheck", message: told(errors.at(-1) as Error) };
  }
}

/** Upstream puts the address that was tried in front. */
function told({ message }: Error): string {
  const url = /^Get "([^"]+)": /.exec(message)?.[1];
  return url ? `failing or missing response from ${url}: ${message}` : message;
}
