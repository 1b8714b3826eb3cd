import { Quantity } from "../../api/quantity.ts";
import { limitRanges, persistentVolumeClaims, pods } from "../../api/resource-types.ts";
import { aggregateContainers, isPodLevelResource, type Side } from "../../api/resources/core/pod-resources.ts";
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceRequirements,
} from "../../api/types/core.v1.ts";
import { aggregateMessage } from "../aggregate-message.ts";
import type { Lookup } from "../lookup.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "./admission.ts";
import { concerns, refusal, written } from "./refusal.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";

/**
 * LimitRanger: containers get the requests and limits that the LimitRanges of their namespace set as defaults, and
 * pods, containers and claims stay within their bounds.
 */
export function limitRanger({ lookup }: { lookup: Lookup }): AdmissionPlugin {
  const ranges = ({ namespace }: AdmissionAttributes) =>
    namespace ? lookup.list(limitRanges, { namespace }) : Promise.resolve([]);
  return {
    name: "LimitRanger",
    handles(attributes) {
      const { operation, oldObject } = attributes;
      if (oldObject?.metadata?.deletionTimestamp) return false;
      if (operation === "UPDATE")
        return concerns(attributes, pods, "resize") || concerns(attributes, persistentVolumeClaims);
      return operation === "CREATE" && (concerns(attributes, pods) || concerns(attributes, persistentVolumeClaims));
    },
    async admit(attributes) {
      if (attributes.type.resource !== pods.resource) return;
      for (const range of await ranges(attributes)) setDefaults(written<Pod>(attributes), range);
    },
    async validate(attributes) {
      const check = attributes.type.resource === pods.resource ? podProblems : claimProblems;
      for (const range of await ranges(attributes)) {
        const problems = (range.spec?.limits ?? []).flatMap((limit) => check(limit, attributes));
        if (problems.length > 0) throw refusal(attributes, aggregateMessage(problems));
      }
    },
  };
}

type Amounts = Readonly<Record<string, string>>;

function setDefaults(pod: Pod, range: LimitRange): void {
  if (!pod.spec) return;
  const ofContainers = (range.spec?.limits ?? []).filter((limit) => limit.type === "Container");
  const requests: Amounts = Object.assign({}, ...ofContainers.map((limit) => limit.defaultRequest));
  const limits: Amounts = Object.assign({}, ...ofContainers.map((limit) => limit.default));
  const notes: string[] = [];
  const complete = (container: Container, what: string) => {
    const fill = (side: Side, defaults: Amounts) => {
      const given = container.resources?.[side] ?? {};
      const missing = Object.keys(defaults).filter((name) => given[name] === undefined);
      if (missing.length === 0) return;
      const filled = Object.fromEntries(missing.map((name) => [name, defaults[name]!]));
      container.resources = { ...container.resources, [side]: { ...given, ...filled } } as ResourceRequirements;
      notes.push(`${missing.sort().join(", ")} ${side.slice(0, -1)} for ${what} ${container.name}`);
    };
    fill("requests", requests);
    fill("limits", limits);
  };
  for (const container of pod.spec.containers ?? []) complete(container, "container");
  for (const container of pod.spec.initContainers ?? []) complete(container, "init container");
  if (notes.length === 0) return;
  const annotations = { ...pod.metadata?.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join("; ")}` };
  pod.metadata = { ...pod.metadata, annotations };
}

function podProblems(limit: LimitRangeItem, attributes: AdmissionAttributes): string[] {
  const { spec } = written<Pod>(attributes);
  if (!spec) return [];
  if (limit.type === "Container") {
    return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
      boundProblems(limit, new Usage(amounts(resources?.requests), amounts(resources?.limits))),
    );
  }
  if (limit.type !== "Pod") return [];
  const total = (side: Side) => {
    const sum = aggregateContainers(spec, side);
    for (const [name, amount] of amounts(spec.resources?.[side])) if (isPodLevelResource(name)) sum.set(name, amount);
    return sum;
  };
  return boundProblems(limit, new Usage(total("requests"), total("limits")));
}

function claimProblems(limit: LimitRangeItem, attributes: AdmissionAttributes): string[] {
  if (limit.type !== "PersistentVolumeClaim") return [];
  const requests = amounts(written<PersistentVolumeClaim>(attributes).spec?.resources?.requests);
  // A claim has no limits: what it requests is held against the maximum.
  const { max, ...others } = limit;
  const usage = new Usage(requests, new Map());
  const tooMuch = entries(max).map(([name, bound]) => {
    const request = requests.get(name);
    if (!request) return `maximum ${name} usage per ${limit.type} is ${bound}.  No request is specified`;
    if (request.compare(bound) <= 0) return undefined;
    return `maximum ${name} usage per ${limit.type} is ${bound}, but request is ${request}`;
  });
  return [...boundProblems({ ...others, maxLimitRequestRatio: undefined }, usage), ...present(tooMuch)];
}

/** What is requested, and the limits on it. */
class Usage {
  readonly requests: ReadonlyMap<string, Quantity>;
  readonly limits: ReadonlyMap<string, Quantity>;
  constructor(requests: ReadonlyMap<string, Quantity>, limits: ReadonlyMap<string, Quantity>) {
    this.requests = requests;
    this.limits = limits;
  }
}

function boundProblems({ type, min, max, maxLimitRequestRatio }: LimitRangeItem, usage: Usage): string[] {
  const tooLittle = entries(min).map(([name, bound]) => {
    const [request, limit] = [usage.requests.get(name), usage.limits.get(name)];
    const rule = `minimum ${name} usage per ${type} is ${bound}`;
    if (!request) return `${rule}.  No request is specified`;
    if (request.compare(bound) < 0) return `${rule}, but request is ${request}`;
    return limit && limit.compare(bound) < 0 ? `${rule}, but limit is ${limit}` : undefined;
  });
  const tooMuch = entries(max).map(([name, bound]) => {
    const [request, limit] = [usage.requests.get(name), usage.limits.get(name)];
    const rule = `maximum ${name} usage per ${type} is ${bound}`;
    if (!limit) return `${rule}.  No limit is specified`;
    if (limit.compare(bound) > 0) return `${rule}, but limit is ${limit}`;
    return request && request.compare(bound) > 0 ? `${rule}, but request is ${request}` : undefined;
  });
  const tooFar = entries(maxLimitRequestRatio).map(([name, bound]) => {
    const [request, limit] = [usage.requests.get(name), usage.limits.get(name)];
    const rule = `${name} max limit to request ratio per ${type} is ${bound}`;
    if (!request || request.isZero) return `${rule}, but no request is specified or request is 0`;
    if (!limit || limit.isZero) return `${rule}, but no limit is specified or limit is 0`;
    const ratio = Number(limit.nano) / Number(request.nano);
    return ratio > bound.toNumber() ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
  });
  return present([...tooLittle, ...tooMuch, ...tooFar]);
}

const present = (problems: readonly (string | undefined)[]) => problems.filter((one) => one !== undefined);

const entries = (list: Record<string, string> | undefined) =>
  Object.entries(list ?? {}).map(([name, text]) => [name, Quantity.parse(text)] as const);

const amounts = (list: Record<string, string> | undefined) => new Map(entries(list));
