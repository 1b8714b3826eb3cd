import type { CelAuthorizer, CelBudget } from "../../../api/cel/cel.ts";
import { cel } from "../../../api/cel/load.ts";
import type { ResourceType, UnknownObject } from "../../../api/object.ts";
import { namespaces } from "../../../api/resource-types.ts";
import { notFound } from "../../../api/status-error.ts";
import type { MatchCondition } from "../../../api/types/admissionregistration.v1.ts";
import type { Namespace } from "../../../api/types/core.v1.ts";
import type { AdmissionAttributes } from "../admission.ts";
import { expressionAuthorizer, requestResourceCheck } from "../matching/expression-authorizer.ts";
import { evaluateMatchConditions, type MatchOutcome } from "../matching/match-conditions.ts";
import { requestVariable } from "../matching/request-variable.ts";
import { isNamespaces, namespaceOf } from "../matching/rules.ts";
import { ObjectVersions, type VersionedObjects } from "../matching/versioned-objects.ts";
import type { PolicyScope } from "./policy-scope.ts";
import type { PolicyServices } from "./policy-services.ts";

/** One write, as the expressions of all policies that match it see it. The compiler must have been loaded. */
export class PolicyRequest {
  readonly attributes: AdmissionAttributes;
  readonly versions: ObjectVersions;
  readonly #services: PolicyServices;
  readonly #authorizer: CelAuthorizer;
  #namespace: Promise<object | null> | undefined;

  constructor(attributes: AdmissionAttributes, services: PolicyServices) {
    this.attributes = attributes;
    this.versions = new ObjectVersions(attributes, services.catalogue);
    this.#services = services;
    this.#authorizer = cel().rememberDecisions(expressionAuthorizer(services.authorizer, attributes.user));
  }

  /** The namespace of the write; for a Namespace itself, its name. */
  get namespace(): string {
    return namespaceOf(this.attributes);
  }

  /** `namespaceObject`: null for what is in no namespace. Throws a 404 where the namespace is gone. */
  #namespaceObject(): Promise<object | null> {
    this.#namespace ??= this.#findNamespace();
    return this.#namespace;
  }

  async #findNamespace(): Promise<object | null> {
    const { lookup } = this.#services;
    if (this.namespace === "" || isNamespaces(this.attributes.type)) return null;
    const found =
      (await lookup.get(namespaces, this.namespace)) ??
      (await lookup.get(namespaces, this.namespace, undefined, { fresh: true }));
    if (!found) throw notFound({ resource: "namespaces" }, this.namespace);
    return shownNamespace(found);
  }

  matchConditions(
    conditions: readonly MatchCondition[],
    shown: VersionedObjects,
    params: UnknownObject | null | undefined,
  ): Promise<MatchOutcome> {
    return evaluateMatchConditions(conditions, this.attributes, shown, { asked: this.#authorizer }, params);
  }

  /** What the expressions of a policy are evaluated with; its variables are evaluated anew, and charge `budget`. */
  async bindings(
    scope: PolicyScope,
    resource: ResourceType,
    params: UnknownObject | null,
    budget: CelBudget,
    { authorizer = true } = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const shown = await this.versions.of(resource);
    const bindings = {
      object: shown.object ?? null,
      oldObject: shown.oldObject ?? null,
      namespaceObject: await this.#namespaceObject(),
      request: requestVariable(this.attributes, shown),
      params,
      ...(authorizer
        ? {
            authorizer: this.#authorizer,
            "authorizer.requestResource": requestResourceCheck(this.#authorizer, this.attributes),
          }
        : {}),
    };
    return { ...bindings, variables: cel().variablesBinding(scope.variables, bindings, budget) };
  }
}

/** Without owners and managed fields; its uid is called UID. */
function shownNamespace({ metadata = {}, spec, status }: Namespace): object {
  const { ownerReferences: _owners, managedFields: _fields, uid, ...shown } = metadata;
  return { metadata: { ...shown, UID: uid }, spec, status };
}
