import { type KubeObject, parseApiVersion, type ResourceType } from "../../api/object.ts";
import type { FieldError } from "../../api/resource-definition.ts";
import { nodes, pods, secrets, serviceAccounts } from "../../api/resource-types.ts";
import type { ObjectClaim } from "../../api/service-account-claims.ts";
import { badRequest, conflict, invalid, notFound } from "../../api/status-error.ts";
import type { TokenRequest } from "../../api/types/authentication.v1.ts";
import type { Clock } from "../../base/clock.ts";
import { time } from "../../client/timestamps.ts";
import type { Lookup } from "../lookup.ts";
import type { VirtualResource } from "../virtual-resource.ts";
import type { IssueRequest, TokenIssuer } from "./issuer.ts";

const GROUP = "authentication.k8s.io";
const DEFAULT_SECONDS = 3600;
const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** The life that projected volumes ask for by default: its oddness marks a token that may be extended. */
const EXTENDABLE_SECONDS = 3607;
/** How long an extended token lives: clients that don't reload their token go on working, with a warning. */
const EXTENDED_SECONDS = 365 * 24 * 3600;

export interface TokenRequestOptions {
  issuer: TokenIssuer;
  /** The audiences of this API server: what a token is for where the request doesn't say. */
  audiences: readonly string[];
  lookup: Lookup;
  clock: Clock;
  /** Upstream's --service-account-extend-token-expiration; default true. */
  extendExpiration?: boolean;
  /** Upstream's --service-account-max-token-expiration, in seconds; absent or 0: no limit. */
  maxExpirationSeconds?: number;
}

/**
 * The `token` subresource of ServiceAccounts: tokens with an end and an audience, bound to a Pod, Secret or Node if
 * wanted (KEP-1205). The request is checked by admission before (NodeRestriction).
 */
export function tokenRequests(options: TokenRequestOptions): VirtualResource {
  const { lookup, clock, issuer } = options;

  const find = async <T extends KubeObject>(type: ResourceType<T>, name: string, namespace?: string): Promise<T> => {
    const object = await lookup.get(type, name, namespace, { fresh: true });
    if (!object) throw notFound(type, name);
    return object;
  };

  /** The claims that bind the token to what the request names. */
  const bind = async (request: TokenRequest, namespace: string, account: string): Promise<Partial<IssueRequest>> => {
    const reference = request.spec?.boundObjectRef;
    if (!reference) return {};
    const { group, version } = parseApiVersion(reference.apiVersion ?? "");
    const name = reference.name ?? "";
    const claimed = (object: KubeObject): ObjectClaim => {
      const uid = object.metadata?.uid ?? "";
      if (reference.uid && reference.uid !== uid) {
        throw conflict(
          { group, resource: reference.kind! },
          name,
          `the UID in the bound object reference (${reference.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
        );
      }
      return { name, uid };
    };
    if (group === "" && reference.kind === "Pod") {
      const pod = await find(pods, name, namespace);
      if (pod.spec?.serviceAccountName !== account) {
        throw badRequest(
          `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
        );
      }
      const bound = { pod: claimed(pod) };
      const nodeName = pod.spec.nodeName;
      if (!nodeName) return bound;
      const node = await lookup.get(nodes, nodeName);
      return { ...bound, node: { name: nodeName, uid: node?.metadata?.uid ?? "" } };
    }
    if (group === "" && reference.kind === "Secret") return { secret: claimed(await find(secrets, name, namespace)) };
    if (group === "" && reference.kind === "Node") return { node: claimed(await find(nodes, name)) };
    throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${reference.kind}`);
  };

  return {
    type: serviceAccounts as ResourceType<KubeObject> as ResourceType,
    subresource: "token",
    bodyKind: { group: GROUP, version: "v1", kind: "TokenRequest" },
    async create(object, { namespace = "", name = "", warn }) {
      const request: TokenRequest = object;
      const { metadata = {} } = request;
      const mismatch = (field: "name" | "namespace") => {
        const message = `Invalid value: ${JSON.stringify(metadata[field])}: must match the service account ${field} if specified`;
        return refuse(name, [{ type: "FieldValueInvalid", field: `metadata.${field}`, message }]);
      };
      if (metadata.name && metadata.name !== name) throw mismatch("name");
      if (metadata.namespace && metadata.namespace !== namespace) throw mismatch("namespace");
      const account = await find(serviceAccounts, name, namespace);
      const uid = account.metadata?.uid ?? "";
      if (metadata.uid && metadata.uid !== uid) {
        throw conflict(
          { group: GROUP, resource: "TokenRequest" },
          name,
          `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`,
        );
      }

      let seconds = request.spec?.expirationSeconds ?? DEFAULT_SECONDS;
      const problems = checkExpiration(seconds);
      if (problems.length > 0) throw refuse("", problems);
      const audiences = request.spec?.audiences?.length ? request.spec.audiences : [...options.audiences];
      const binding = await bind(request, namespace, name);
      const limit = options.maxExpirationSeconds ?? 0;
      if (limit > 0 && seconds > limit) {
        warn(`requested expiration of ${seconds} seconds shortened to ${limit} seconds`);
        seconds = limit;
      }
      const extended =
        (options.extendExpiration ?? true) &&
        binding.pod !== undefined &&
        seconds === EXTENDABLE_SECONDS &&
        audiences.every((audience) => options.audiences.includes(audience));
      const token = issuer.issue({
        namespace,
        serviceAccount: { name, uid },
        audiences,
        expirationSeconds: extended ? EXTENDED_SECONDS : seconds,
        ...(extended ? { warnAfterSeconds: seconds } : {}),
        ...binding,
      });
      const now = clock.now();
      return {
        kind: "TokenRequest",
        apiVersion: `${GROUP}/v1`,
        metadata: { ...metadata, name, namespace, uid, creationTimestamp: time(now) },
        spec: { ...request.spec, audiences, expirationSeconds: seconds },
        status: { token, expirationTimestamp: time(now + seconds * 1000) },
      };
    },
  };
}

function checkExpiration(seconds: number): FieldError[] {
  const limit =
    seconds < MIN_SECONDS
      ? "may not specify a duration less than 10 minutes"
      : seconds > MAX_SECONDS
        ? "may not specify a duration larger than 2^32 seconds"
        : undefined;
  if (!limit) return [];
  return [
    { type: "FieldValueInvalid", field: "spec.expirationSeconds", message: `Invalid value: ${seconds}: ${limit}` },
  ];
}

function refuse(name: string, problems: FieldError[]) {
  const causes = problems.map(({ type, field, message }) => ({ reason: type, field, message }));
  return invalid({ group: GROUP, kind: "TokenRequest" }, name, causes);
}
