import type { ServedResource } from "../../../src/api/schema/served-resources.ts";
import type { TransportRequest } from "../../../src/client/transport.ts";
import { BODY_TYPES, Bodies } from "./bodies.ts";
import type { Choice } from "./choice.ts";
import { type Patch, patchOf } from "./patches.ts";
import { SEED_BODIES, SEED_SUBRESOURCES } from "./seeds.ts";

export interface FuzzRequest {
  readonly method: TransportRequest["method"];
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: Buffer;
  readonly user: { name: string; groups: string[] };
  /** What it is about, where that is known: then it is looked at again at the end. */
  readonly resource?: ServedResource;
}

const ACCEPTS = [
  "application/json",
  "application/yaml",
  "application/vnd.kubernetes.protobuf",
  "application/vnd.kubernetes.protobuf,application/json",
  "application/json;as=Table;v=v1;g=meta.k8s.io",
  "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
  "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
  "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  "application/json;as=Nonsense;v=v1;g=meta.k8s.io",
  "application/json;q=0.5,*/*;q=0",
  "*/*",
  "text/html",
  "application/json;stream=watch",
  ";;;,,,",
  "application/cbor",
];

const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const USERS = [
  ...Array.from({ length: 30 }, () => ADMIN),
  { name: "jane", groups: ["system:authenticated"] },
  { name: "system:node:node-1", groups: ["system:nodes", "system:authenticated"] },
  { name: "system:serviceaccount:default:a", groups: ["system:serviceaccounts", "system:authenticated"] },
  { name: "system:anonymous", groups: ["system:unauthenticated"] },
];

const PLAIN_PATHS = [
  "/",
  "/api",
  "/apis",
  "/api/v1",
  "/apis/apps",
  "/apis/apps/v1",
  "/apis/nonsense/v1",
  "/healthz",
  "/livez/ping",
  "/readyz?verbose",
  "/livez?exclude=",
  "/version",
  "/openapi/v2",
  "/openapi/v3",
  "/openapi/v3/apis/apps/v1",
  "/openapi/v3/nonsense",
  "/.well-known/openid-configuration",
  "/openid/v1/jwks",
  "/metrics/slis",
  "/debug/pprof",
  "//api//v1",
  "/api/v1/",
  "/api/v1/namespaces/default/pods/",
  "/api/v1/watch/pods",
  "/api/v1/namespaces//pods",
  "/api/v1/proxy/x",
  "/apis/apps/v1/namespaces/default/deployments/web/scale/x",
];

/** Served resources, drawn so that those with seeds come often; those that answer for others (webhooks, APIServices) never are. */
export class Requests {
  readonly #choice: Choice;
  readonly #bodies: Bodies;
  readonly #all: readonly ServedResource[];
  readonly #common: readonly ServedResource[];
  /** What this run is mostly about, so that requests meet the objects of others. */
  readonly #focus: readonly ServedResource[];
  /** What lists gave to go on with, and versions that were seen. */
  readonly tokens: string[] = [];
  version = 1;

  constructor(choice: Choice, resources: readonly ServedResource[]) {
    this.#choice = choice;
    this.#bodies = new Bodies(choice);
    const harmless = ({ resource }: ServedResource) => !/webhookconfigurations|apiservices/.test(resource);
    this.#all = resources.filter(harmless);
    this.#common = this.#all.filter(({ resource, group }) => `${resource}.${group}` in SEED_BODIES);
    this.#focus = Array.from({ length: 5 }, () => choice.pick(this.#common));
  }

  next(): FuzzRequest {
    const choice = this.#choice;
    const user = choice.pick(USERS);
    const headers = this.#headers();
    if (choice.chance(0.06)) {
      const path = choice.chance(0.7) ? choice.pick(PLAIN_PATHS) : `/${encode(choice.text())}/${encode(choice.text())}`;
      return { method: choice.pick(["GET", "GET", "GET", "POST", "OPTIONS", "HEAD", "DELETE"]), path, headers, user };
    }
    const from = choice.weighted({ focus: 70, common: 20, all: 10 });
    const resource = choice.pick(from === "focus" ? this.#focus : from === "common" ? this.#common : this.#all);
    const verb = choice.weighted({
      create: 30,
      get: 12,
      list: 14,
      watch: 3,
      update: 12,
      patch: 22,
      delete: 5,
      collection: 1,
      odd: 1,
    });
    switch (verb) {
      case "create":
        return this.#create(resource, headers, user);
      case "get":
        return { method: "GET", path: this.#objectPath(resource) + this.#query("get"), headers, user, resource };
      case "list":
        return { method: "GET", path: this.#collectionPath(resource) + this.#query("list"), headers, user, resource };
      case "watch":
        return { method: "GET", path: this.#collectionPath(resource) + this.#query("watch"), headers, user, resource };
      case "update":
      case "patch":
        return this.#write(verb, resource, headers, user);
      case "delete":
        return this.#delete(this.#objectPath(resource), resource, headers, user);
      case "collection":
        return this.#delete(this.#collectionPath(resource), resource, headers, user);
      default: {
        const path = choice.chance(0.5) ? this.#collectionPath(resource) : this.#objectPath(resource);
        return { method: choice.pick(["PUT", "POST", "OPTIONS", "HEAD", "PATCH"]), path, headers, user, resource };
      }
    }
  }

  #create(resource: ServedResource, headers: Record<string, string>, user: FuzzRequest["user"]): FuzzRequest {
    const choice = this.#choice;
    if (choice.chance(0.12) && resource.subresources.length > 0) {
      const { name } = choice.pick(resource.subresources);
      const body = this.#bodies.bytes(
        SEED_SUBRESOURCES[name]
          ? (structuredClone(SEED_SUBRESOURCES[name]) as Record<string, unknown>)
          : (choice.value() as Record<string, unknown>),
      );
      const path = `${this.#objectPath(resource)}/${name}${this.#query("write")}`;
      return { method: "POST", path, headers: this.#typed(headers, body.type), body: body.bytes, user, resource };
    }
    const { bytes, type } = this.#bodies.bytes(
      this.#bodies.object(resource, choice.chance(0.9) ? choice.name() : undefined),
    );
    const path = this.#collectionPath(resource) + this.#query("write");
    return { method: "POST", path, headers: this.#typed(headers, type), body: bytes, user, resource };
  }

  #write(
    verb: "update" | "patch",
    resource: ServedResource,
    headers: Record<string, string>,
    user: FuzzRequest["user"],
  ): FuzzRequest {
    const choice = this.#choice;
    const name = choice.name();
    const below =
      choice.chance(0.15) && resource.subresources.length > 0 ? `/${choice.pick(resource.subresources).name}` : "";
    const path = this.#objectPath(resource, name) + below + this.#query("write");
    const object = this.#bodies.object(resource, name);
    const sent: Patch = verb === "patch" ? patchOf(choice, this.#bodies, object) : this.#bodies.bytes(object);
    const method = verb === "patch" ? "PATCH" : "PUT";
    return { method, path, headers: this.#typed(headers, sent.type), body: sent.bytes, user, resource };
  }

  #delete(
    path: string,
    resource: ServedResource,
    headers: Record<string, string>,
    user: FuzzRequest["user"],
  ): FuzzRequest {
    const choice = this.#choice;
    const query = this.#query("delete");
    if (choice.chance(0.6)) return { method: "DELETE", path: path + query, headers, user, resource };
    const options = {
      kind: "DeleteOptions",
      apiVersion: choice.pick(["v1", "meta.k8s.io/v1", "nonsense/v1"]),
      gracePeriodSeconds: choice.number(),
      propagationPolicy: choice.pick(["Orphan", "Background", "Foreground", "x"]),
      preconditions: choice.pick([undefined, { uid: "x" }, { resourceVersion: "1" }, choice.value()]),
    };
    const { bytes, type } = this.#bodies.bytes(options);
    return { method: "DELETE", path: path + query, headers: this.#typed(headers, type), body: bytes, user, resource };
  }

  #headers(): Record<string, string> {
    const choice = this.#choice;
    const headers: Record<string, string> = {};
    if (choice.chance(0.2)) headers["accept"] = choice.pick(ACCEPTS);
    if (choice.chance(0.03)) headers["accept"] = choice.text();
    if (choice.chance(0.1))
      headers["user-agent"] = choice.pick(["kubectl/v1.36", "curl/8", "Mozilla/5.0", choice.text()]);
    if (choice.chance(0.02)) headers["impersonate-user"] = choice.text();
    if (choice.chance(0.005)) headers["impersonate-group"] = choice.text();
    if (choice.chance(0.005)) headers[`impersonate-extra-${encode(choice.text())}`] = choice.text();
    if (choice.chance(0.05)) headers["accept-encoding"] = choice.pick(["gzip", "gzip;q=0", "br, gzip", choice.text()]);
    if (choice.chance(0.02)) headers["audit-id"] = choice.text();
    if (choice.chance(0.02)) headers["if-none-match"] = choice.text();
    return headers;
  }

  #typed(headers: Record<string, string>, type: string): Record<string, string> {
    const choice = this.#choice;
    if (choice.chance(0.03)) return headers;
    return { ...headers, "content-type": choice.chance(0.97) ? type : choice.pick(BODY_TYPES) };
  }

  #namespace(): string {
    const choice = this.#choice;
    return choice.chance(0.95)
      ? choice.chance(0.9)
        ? "default"
        : choice.pick(["a", "kube-system"])
      : encode(choice.text());
  }

  #collectionPath(resource: ServedResource): string {
    const choice = this.#choice;
    const version = choice.chance(0.98) ? resource.version : encode(choice.text());
    const root = resource.group === "" ? `/api/${version}` : `/apis/${resource.group}/${version}`;
    const scope = resource.namespaced && choice.chance(0.95) ? `/namespaces/${this.#namespace()}` : "";
    return `${root}${scope}/${resource.resource}`;
  }

  #objectPath(resource: ServedResource, name = this.#choice.name()): string {
    const choice = this.#choice;
    return `${this.#collectionPath(resource)}/${choice.chance(0.97) ? name : encode(choice.text())}`;
  }

  #query(of: "get" | "list" | "watch" | "write" | "delete"): string {
    const choice = this.#choice;
    const query: [string, string][] = [];
    const add = (name: string, probability: number, value: () => string) => {
      if (choice.chance(probability)) query.push([name, choice.chance(0.95) ? value() : choice.text()]);
    };
    const version = () =>
      choice.pick(["", "0", "1", String(this.version), String(this.version + 50), "-1", choice.text()]);
    if (of === "watch") query.push(["watch", choice.pick(["1", "true", "0", ""])]);
    if (of === "list" || of === "watch" || of === "delete") {
      add("labelSelector", 0.25, () => this.#labelSelector());
      add("fieldSelector", 0.2, () => this.#fieldSelector());
      add("limit", 0.3, () => String(choice.pick([0, 1, 2, 500, -1])));
      add("continue", 0.15, () => this.#token());
      add("resourceVersionMatch", 0.1, () => choice.pick(["Exact", "NotOlderThan"]));
      add("timeoutSeconds", of === "watch" ? 1 : 0.05, () => choice.pick(["1", "2", "0", "-1"]));
      add("sendInitialEvents", 0.1, () => choice.pick(["true", "false"]));
      add("allowWatchBookmarks", 0.2, () => "true");
    }
    if (of !== "write") add("resourceVersion", 0.25, version);
    if (of === "write" || of === "delete") {
      add("dryRun", 0.15, () => "All");
      add("fieldManager", 0.3, () => choice.pick(["kubectl", "m".repeat(128), "m".repeat(129), choice.text()]));
      add("fieldValidation", 0.3, () => choice.pick(["Strict", "Warn", "Ignore"]));
      add("force", 0.2, () => choice.pick(["true", "false"]));
      add("gracePeriodSeconds", 0.1, () => String(choice.number()));
      add("propagationPolicy", 0.1, () => choice.pick(["Orphan", "Foreground", "Background"]));
      add("orphanDependents", 0.05, () => "true");
    }
    add("pretty", 0.05, () => choice.pick(["1", "false"]));
    add("includeObject", 0.05, () => choice.pick(["None", "Metadata", "Object"]));
    add("timeout", 0.02, () => choice.pick(["1s", "0", "-1s", "1h"]));
    add(choice.text().slice(0, 30), 0.02, () => choice.text());
    const text = query.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
    return text === "" ? "" : `?${text}`;
  }

  #labelSelector(): string {
    const choice = this.#choice;
    const term = () =>
      choice.pick([
        "app=web",
        "app!=web",
        "app in (web,b)",
        "app notin ()",
        "!app",
        "app",
        "x>1",
        "x<a",
        "a in",
        "(",
        ",",
        choice.text(),
      ]);
    return Array.from({ length: 1 + choice.below(3) }, term).join(choice.pick([",", ",", " "]));
  }

  #fieldSelector(): string {
    const choice = this.#choice;
    const term = () =>
      choice.pick([
        "metadata.name=a",
        "metadata.namespace=default",
        "spec.nodeName=node-1",
        "spec.nodeName=",
        "status.phase!=Running",
        "type=Opaque",
        "spec.color=red",
        "nonsense=1",
        "metadata.name",
        "a==b==c",
        "x\\=y=z",
        choice.text(),
      ]);
    return Array.from({ length: 1 + choice.below(2) }, term).join(",");
  }

  #token(): string {
    const choice = this.#choice;
    const token = this.tokens.length > 0 ? choice.pick(this.tokens) : "";
    if (choice.chance(0.5)) return token;
    const made = { v: choice.pick(["meta.k8s.io/v1", "x"]), rv: choice.number(), start: choice.text() };
    if (choice.chance(0.6)) return Buffer.from(JSON.stringify(made)).toString("base64url");
    const at = choice.below(token.length + 1);
    return token.slice(0, at) + choice.text() + token.slice(at);
  }
}

/** Percent-encoded as a client would; and now and then not. */
function encode(text: string): string {
  return Buffer.from(text)
    .toString("latin1")
    .replace(/[^A-Za-z0-9._~-]/g, (character) => `%${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
