import { forbidden } from "../../api/status-error.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Clock } from "../../base/clock.ts";
import type { AuthorizationAttributes, AuthorizationDecision, Authorizer } from "../authorization.ts";
import type { Reply } from "../http/exchange.ts";
import { textReply } from "../http/status-reply.ts";
import type { RequestInfo } from "../request-info.ts";
import type { Filter } from "./context.ts";
import { type DecisionObserver, NOBODY } from "./observer.ts";

/** Lets a request through only where the authorizer allows it; otherwise a 403 in upstream's words. */
export function authorization(authorizer: Authorizer, clock: Clock, observe: DecisionObserver = NOBODY): Filter {
  return (context, next) => {
    const started = clock.monotonic();
    const attributes = requestAttributes(context.info, context.user, context.request.query);
    const observed = (error?: unknown) => observe(context, (clock.monotonic() - started) / 1000, error);
    const go = ({ decision, reason, error }: AuthorizationDecision): Promise<Reply> => {
      const { audit } = context;
      audit?.annotate("authorization.k8s.io/decision", decision === "allow" ? "allow" : "forbid");
      audit?.annotate("authorization.k8s.io/reason", reason ?? "");
      if (decision === "allow") {
        observed();
        return next(context);
      }
      // As upstream: whether it is allowed could not be found out, which is no refusal.
      if (error !== undefined) {
        observed(new Error(error));
        const text = `Internal Server Error: ${JSON.stringify(context.request.url)}: ${error}\n`;
        return Promise.resolve(textReply(500, text));
      }
      const refused = refusal(attributes, reason);
      observed(refused);
      throw refused;
    };
    const answer = authorizer.authorize(attributes);
    if (!(answer instanceof Promise)) return go(answer);
    return answer.then(go, (error) => {
      observed(error);
      throw error;
    });
  };
}

/** A request as the authorizer sees it. */
export function requestAttributes(info: RequestInfo, user: UserInfo, query: URLSearchParams): AuthorizationAttributes {
  if (!info.isResource) return { user, verb: info.verb, path: info.path };
  const { verb, path, group, version, resource, subresource, namespace, name } = info;
  const attributes = { user, verb, path, group, version, resource, subresource, namespace, name };
  if (!SELECTING.has(verb)) return attributes;
  const [fieldSelector, labelSelector] = [query.get("fieldSelector"), query.get("labelSelector")];
  return { ...attributes, ...(fieldSelector ? { fieldSelector } : {}), ...(labelSelector ? { labelSelector } : {}) };
}

/** The verbs whose requests may select (KEP-4601). */
const SELECTING = new Set(["list", "watch", "deletecollection"]);

/** The 403 for attributes that were not allowed. */
export function refusal(attributes: AuthorizationAttributes, reason: string | undefined) {
  const { user, verb, path, group = "", resource = "", subresource, namespace, name } = attributes;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  let message: string;
  if (resource === "") {
    message = `${who} path ${JSON.stringify(path ?? "")}`;
  } else {
    const full = subresource ? `${resource}/${subresource}` : resource;
    const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : "at the cluster scope";
    message = `${who} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`;
  }
  return forbidden({ group, resource }, name, reason ? `${message}: ${reason}` : message);
}
