import { type KubeObject, type ResourceType, splitKey } from "../../api/object.ts";
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from "../../api/resource-types.ts";
import { serviceAccountUserName } from "../../api/service-account-user.ts";
import type { ClusterRole, PolicyRule, Role, RoleBinding, RoleRef, Subject } from "../../api/types/rbac.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import type { Follower, Following, Lookup } from "../lookup.ts";

/**
 * All roles and bindings, arranged by the question an authorizer asks: which bindings name this user or one of its
 * groups, in the whole cluster and in one namespace. Kept true by following the four resources.
 *
 * A user `jane` in group `dev` asks for the keys `u:jane` and `g:dev`; a ServiceAccount is the user it authenticates as.
 */
export class PolicyIndex {
  /** Grows whenever a role or a binding changes: what was found out before may not hold any more. */
  version = 0;
  readonly #roles = new Map<string, readonly PolicyRule[]>();
  readonly #clusterRoles = new Map<string, readonly PolicyRule[]>();
  readonly #cluster = new SubjectIndex();
  readonly #namespaces = new Map<string, SubjectIndex>();

  /** Follows the four resources; resolves when all present objects are taken in. */
  async start(lookup: Lookup): Promise<Following> {
    const rules = <T extends Role | ClusterRole>(type: ResourceType<T>, into: Map<string, readonly PolicyRule[]>) =>
      lookup.follow(type as ResourceType<Role>, {
        put: (role: Role, key) => {
          this.version++;
          into.set(key, role.rules ?? []);
        },
        remove: (key) => {
          this.version++;
          into.delete(key);
        },
      });
    const bindings = (namespaceOf: (key: string) => string): Follower<KubeObject> => ({
      put: (object, key) => {
        const binding = object as RoleBinding;
        this.version++;
        this.#bindings(namespaceOf(key)).put(key, {
          name: binding.metadata?.name ?? "",
          namespace: binding.metadata?.namespace ?? "",
          roleRef: binding.roleRef,
          subjects: binding.subjects ?? [],
        });
      },
      remove: (key) => {
        this.version++;
        const namespace = namespaceOf(key);
        const index = this.#bindings(namespace);
        index.remove(key);
        if (namespace !== "" && index.size === 0) this.#namespaces.delete(namespace);
      },
    });
    const all = await Promise.all([
      rules(roles, this.#roles),
      rules(clusterRoles, this.#clusterRoles),
      lookup.follow(
        clusterRoleBindings as ResourceType<KubeObject>,
        bindings(() => ""),
      ),
      lookup.follow(
        roleBindings as ResourceType<KubeObject>,
        bindings((key) => splitKey(key).namespace ?? ""),
      ),
    ]);
    return { stop: () => all.forEach((following) => void following.stop()) };
  }

  #bindings(namespace: string): SubjectIndex {
    if (namespace === "") return this.#cluster;
    let index = this.#namespaces.get(namespace);
    if (!index) {
      index = new SubjectIndex();
      this.#namespaces.set(namespace, index);
    }
    return index;
  }

  /**
   * Visits the rules that apply to a user: those of the cluster, and those of `namespace` unless it is empty. Stops
   * when `visit` returns true. A binding to a role that is not there is told to `onMissing`.
   */
  visit(
    user: UserInfo,
    namespace: string,
    visit: (rule: PolicyRule, binding: Binding, subject: Subject) => boolean,
    onMissing: (error: string) => void,
  ): void {
    const local = namespace === "" ? undefined : this.#namespaces.get(namespace);
    const visitIndex = (index: SubjectIndex): boolean => {
      for (let group = -1; group < user.groups.length; group++) {
        const key = group < 0 ? `u:${user.name}` : `g:${user.groups[group]}`;
        for (const binding of index.of(key)) {
          const rules = this.rulesOf(binding.roleRef, binding.namespace);
          if (!rules) {
            onMissing(roleNotFound(binding.roleRef));
            continue;
          }
          for (const rule of rules) {
            if (visit(rule, binding, binding.subjects.find((one) => subjectKey(one, binding.namespace) === key)!))
              return true;
          }
        }
      }
      return false;
    };
    if (!visitIndex(this.#cluster) && local) visitIndex(local);
  }

  /** The rules of the role that a binding refers to; undefined where there is no such role. */
  rulesOf(reference: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    if (reference.kind === "ClusterRole") return this.#clusterRoles.get(reference.name);
    return reference.kind === "Role" ? this.#roles.get(`${namespace}/${reference.name}`) : undefined;
  }
}

/** A binding as the index keeps it; the namespace of a ClusterRoleBinding is empty. */
export interface Binding {
  readonly name: string;
  readonly namespace: string;
  readonly roleRef: RoleRef;
  readonly subjects: readonly Subject[];
}

const roleNotFound = ({ kind, name }: RoleRef) =>
  kind === "ClusterRole" || kind === "Role"
    ? `${kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(name)} not found`
    : `unsupported role reference kind: ${JSON.stringify(kind)}`;

/** What a subject is found by; undefined for one that can't match anybody. */
function subjectKey(subject: Subject, bindingNamespace: string): string | undefined {
  if (subject.kind === "User") return `u:${subject.name}`;
  if (subject.kind === "Group") return `g:${subject.name}`;
  const namespace = subject.namespace || bindingNamespace;
  if (subject.kind !== "ServiceAccount" || namespace === "") return undefined;
  return `u:${serviceAccountUserName(namespace, subject.name)}`;
}

const NONE: ReadonlySet<Binding> = new Set();

class SubjectIndex {
  readonly #byKey = new Map<string, Binding>();
  readonly #bySubject = new Map<string, Set<Binding>>();

  get size(): number {
    return this.#byKey.size;
  }

  of(subject: string): ReadonlySet<Binding> {
    return this.#bySubject.get(subject) ?? NONE;
  }

  put(key: string, binding: Binding): void {
    this.remove(key);
    this.#byKey.set(key, binding);
    for (const subject of subjectsOf(binding)) {
      const bindings = this.#bySubject.get(subject);
      if (bindings) bindings.add(binding);
      else this.#bySubject.set(subject, new Set([binding]));
    }
  }

  remove(key: string): void {
    const binding = this.#byKey.get(key);
    if (!binding) return;
    this.#byKey.delete(key);
    for (const subject of subjectsOf(binding)) {
      const bindings = this.#bySubject.get(subject);
      bindings?.delete(binding);
      if (bindings?.size === 0) this.#bySubject.delete(subject);
    }
  }
}

function subjectsOf({ subjects, namespace }: Binding): Set<string> {
  return new Set(subjects.map((subject) => subjectKey(subject, namespace)).filter((key) => key !== undefined));
}
