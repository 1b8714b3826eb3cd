import { createHash } from "node:crypto";
import { schemaText } from "../../api/schema/schema.ts";
import type { ServedResource } from "../../api/schema/served-resources.ts";
import { methodNotSupported, pathNotFound } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import type { RequestContext } from "../filters/context.ts";
import type { PathRoute } from "../generic-paths.ts";
import { acceptedTypes, covers, noneAcceptable } from "../http/accept.ts";
import { type ApiRequest, header, type Reply } from "../http/exchange.ts";
import type { DescriptionTable } from "./descriptions.ts";
import { expiringDocuments } from "./expiring-documents.ts";
import type { JsonSchema } from "./schemas.ts";

const JSON_TYPE = "application/json";
/** The two names of the protobuf form; the second is how answers are labelled. */
const PROTOBUF_TYPES = [
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
] as const;
const YEAR_SECONDS = 365 * 24 * 3600;

/** To be raised with every change of how documents are written: clients keep them by their hash. A test reminds of it. */
export const FORMAT = 3;

/** The OpenAPI v2 document of another server, of which the paths with the prefix count. */
export interface RemoteDocument {
  readonly prefix: string;
  readonly document: JsonSchema;
}

/** The documents of other servers that are served here too. */
export interface RemoteDocuments {
  /** The parts of version 3, each with its address. */
  readonly parts: ReadonlyMap<string, string>;
  /** Answers a request for one of the parts. */
  forward(part: string, context: RequestContext): Promise<Reply>;
  v2(): Promise<readonly RemoteDocument[]>;
}

/**
 * The OpenAPI documents: `/openapi/v2` (JSON and gnostic's protobuf), the index `/openapi/v3`, and a document per group
 * version below it. They are written when asked for, from the resources served at that time, and kept only while in use.
 */
export function openApiRoutes(options: {
  resources: () => readonly ServedResource[];
  clock: Clock;
  /** Reads the descriptions of types and fields; asked for each document that is written. Absent: there are none. */
  descriptions?: () => Promise<DescriptionTable | undefined>;
  remote?: RemoteDocuments;
}): PathRoute[] {
  const { resources, clock } = options;
  const documents = expiringDocuments(clock);
  const readDescriptions = async () => {
    const { Descriptions } = await import("./descriptions.ts");
    return new Descriptions(await options.descriptions?.());
  };
  const described = describedParts(resources, async () => (await readDescriptions()).digest);
  const remoteParts = () => [...(options.remote?.parts ?? [])];
  /** Of the documents that hold those of other servers too. */
  const hashWithRemote = (hash: string) => {
    const parts = remoteParts();
    return parts.length === 0 ? hash : hashOf(hash + JSON.stringify(parts));
  };

  const v2 = async ({ request }: RequestContext): Promise<Reply> => {
    readOnly(request);
    const types = [JSON_TYPE, ...PROTOBUF_TYPES];
    const chosen = choose(request, types);
    const { all, hash: ownHash } = await described();
    const hash = hashWithRemote(ownHash);
    const protobuf = chosen !== JSON_TYPE;
    const bytes = await documents.get(`v2 ${protobuf} ${hash}`, async () => {
      const { documentV2 } = await import("./documents.ts");
      let document = documentV2(all, await readDescriptions());
      const others = (await options.remote?.v2()) ?? [];
      if (others.length > 0) {
        const { mergeDocuments } = await import("./merge.ts");
        document = mergeDocuments(document, others);
      }
      if (!protobuf) return Buffer.from(JSON.stringify(document));
      const { encodeDocument } = await import("./gnostic.ts");
      return encodeDocument(document);
    });
    return reply(request, bytes, protobuf ? PROTOBUF_TYPES[1] : JSON_TYPE, `${hash}${protobuf ? "-p" : ""}`);
  };

  const v3 = async (context: RequestContext): Promise<Reply> => {
    const { request } = context;
    readOnly(request);
    choose(request, [JSON_TYPE]);
    const { all, hashes, hash } = await described();
    const name = request.path.replace(/^\/openapi\/v3\/?|\/+$/g, "");
    if (name === "") {
      const own = [...hashes].map((part): [string, string] => [part[0], urlOf(...part)]);
      const sorted = [...remoteParts().filter(([part]) => !hashes.has(part)), ...own].sort(([a], [b]) =>
        a < b ? -1 : 1,
      );
      const paths = Object.fromEntries(sorted.map(([part, url]) => [part, { serverRelativeURL: url }]));
      return reply(request, Buffer.from(JSON.stringify({ paths })), JSON_TYPE, hashWithRemote(hash));
    }
    const partHash = hashes.get(name);
    if (partHash === undefined) {
      if (options.remote?.parts.has(name)) return options.remote.forward(name, context);
      throw pathNotFound();
    }
    const asked = request.query.get("hash");
    if (asked !== null && asked !== partHash) {
      return { status: 301, headers: { location: urlOf(name, partHash) } };
    }
    const bytes = await documents.get(`v3 ${name} ${partHash}`, async () => {
      const { documentV3, partsOf } = await import("./documents.ts");
      return Buffer.from(JSON.stringify(documentV3(partsOf(all).get(name) ?? [], await readDescriptions())));
    });
    const answer = reply(request, bytes, JSON_TYPE, partHash);
    // What the hash is part of the address of never changes.
    if (asked !== null) {
      answer.headers["cache-control"] = `public, immutable, max-age=${YEAR_SECONDS}`;
      answer.headers["expires"] = new Date(clock.now() + YEAR_SECONDS * 1000).toUTCString();
    }
    return answer;
  };

  return [
    { path: "/openapi/v2", serve: v2 },
    { path: "/openapi/v3", below: true, serve: v3 },
  ];
}

interface Described {
  readonly all: readonly ServedResource[];
  /** Of each part of version 3. */
  readonly hashes: ReadonlyMap<string, string>;
  /** Of all together. */
  readonly hash: string;
}

/** What is served, by its hashes; found anew when the resources are others than the last time. */
function describedParts(
  resources: () => readonly ServedResource[],
  digest: () => Promise<string>,
): () => Promise<Described> {
  let last: Described | undefined;
  return async () => {
    const all = resources();
    if (last && sameItems(last.all, all)) return last;
    const { partsOf } = await import("./documents.ts");
    const seed = hashOf(`${FORMAT} ${await digest()} ${schemaText()}`);
    const hashes = new Map<string, string>();
    for (const [name, items] of partsOf(all)) hashes.set(name, hashOf(seed + JSON.stringify(items)));
    last = { all, hashes, hash: hashOf(seed + [...hashes.values()].join()) };
    return last;
  };
}

const sameItems = (a: readonly unknown[], b: readonly unknown[]) =>
  a.length === b.length && a.every((item, index) => item === b[index]);

const hashOf = (text: string) => createHash("sha512").update(text).digest("hex").slice(0, 64).toUpperCase();
const urlOf = (part: string, hash: string) => `/openapi/v3/${part}?hash=${hash}`;

function readOnly(request: ApiRequest): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw methodNotSupported({ resource: "openapi" }, request.method.toLowerCase());
  }
}

/** The type to answer with. Throws a 406. */
function choose(request: ApiRequest, types: readonly string[]): string {
  for (const range of acceptedTypes(request)) {
    const found = types.find((type) => covers(range, type));
    if (found) return found;
  }
  throw noneAcceptable(types);
}

function reply(request: ApiRequest, body: Uint8Array, type: string, hash: string): Reply {
  const headers: Record<string, string> = { "content-type": type, etag: `"${hash}"`, vary: "Accept" };
  if (header(request, "if-none-match") === headers["etag"]) return { status: 304, headers };
  return { status: 200, headers, body };
}
