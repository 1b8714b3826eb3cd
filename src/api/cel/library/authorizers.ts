import type { CelAuthorizationRequest, CelAuthorizer, CelDecision } from "../cel.ts";
import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { Fault, LibraryValue } from "../values.ts";

/** Thrown through an evaluation whose authorizer answers later; `evaluateAsync` waits and begins again. */
export class Pending {
  readonly promise: Promise<unknown>;
  constructor(promise: Promise<unknown>) {
    this.promise = promise;
  }
}

type Request = Omit<CelAuthorizationRequest, "verb">;

/** A step of `authorizer.group(…).resource(…)…`: the question so far. */
class Check extends LibraryValue {
  readonly typeName: string;
  readonly authorizer: CelAuthorizer;
  readonly request: Request;
  constructor(
    kind: "authorizer" | "pathCheck" | "groupCheck" | "resourceCheck",
    authorizer: CelAuthorizer,
    request: Request,
  ) {
    super();
    this.typeName = LIBRARY_TYPES[kind]!.name;
    this.authorizer = authorizer;
    this.request = request;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof Check && JSON.stringify(this.request) === JSON.stringify(other.request);
  }
  with(kind: ConstructorParameters<typeof Check>[0], more: Request): Check {
    return new Check(kind, this.authorizer, { ...this.request, ...more });
  }
}

class Decision extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.decision!.name;
  readonly decision: CelDecision;
  constructor(decision: CelDecision) {
    super();
    this.decision = decision;
  }
  override equals(other: LibraryValue): boolean {
    return this === other;
  }
}

export const authorizerValue = (authorizer: CelAuthorizer): LibraryValue => new Check("authorizer", authorizer, {});
export const resourceCheckValue = (authorizer: CelAuthorizer, request: Request): LibraryValue =>
  new Check("resourceCheck", authorizer, request);

function nonEmpty(text: string, what: string): string {
  if (text === "") throw new Fault(`${what} must not be empty`);
  return text;
}

function check({ authorizer, request }: Check, verb: string): Decision {
  const decision = authorizer.authorize({ ...request, verb });
  if (decision instanceof Promise) throw new Pending(decision);
  return new Decision(decision);
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAMESPACE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** Kubernetes' authorizer library, with selectors. */
export const authorizers: Library = {
  "authorizer -> path(string): pathCheck": (self: Check, path: string) =>
    self.with("pathCheck", { path: nonEmpty(path, "path") }),
  "authorizer -> group(string): groupCheck": (self: Check, group: string) => self.with("groupCheck", { group }),
  "authorizer -> serviceAccount(string, string): authorizer": (self: Check, namespace: string, name: string) => {
    if (!NAME.test(name)) throw new Fault("Invalid service account name");
    if (!NAMESPACE.test(namespace)) throw new Fault("Invalid service account namespace");
    return self.with("authorizer", { serviceAccount: { namespace, name } });
  },
  "groupCheck -> resource(string): resourceCheck": (self: Check, resource: string) =>
    self.with("resourceCheck", { resource: nonEmpty(resource, "resource"), version: "*" }),
  "resourceCheck -> subresource(string): resourceCheck": (self: Check, subresource: string) =>
    self.with("resourceCheck", { subresource }),
  "resourceCheck -> namespace(string): resourceCheck": (self: Check, namespace: string) =>
    self.with("resourceCheck", { namespace }),
  "resourceCheck -> name(string): resourceCheck": (self: Check, name: string) => self.with("resourceCheck", { name }),
  "resourceCheck -> fieldSelector(string): resourceCheck": (self: Check, fieldSelector: string) =>
    self.with("resourceCheck", { fieldSelector }),
  "resourceCheck -> labelSelector(string): resourceCheck": (self: Check, labelSelector: string) =>
    self.with("resourceCheck", { labelSelector }),
  "pathCheck -> check(string): decision": check,
  "resourceCheck -> check(string): decision": check,
  "decision -> errored(): bool": ({ decision }: Decision) => decision.error !== undefined,
  "decision -> error(): string": ({ decision }: Decision) => decision.error ?? "",
  "decision -> allowed(): bool": ({ decision }: Decision) => decision.allowed,
  "decision -> reason(): string": ({ decision }: Decision) => decision.reason ?? "",
};
