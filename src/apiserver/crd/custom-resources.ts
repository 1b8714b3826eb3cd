import type { KubeObject, UnknownObject } from "../../api/object.ts";
import { customResourceDefinitions } from "../../api/resource-types.ts";
import { APPROVAL } from "../../api/resources/apiextensions/approval.ts";
import type { CustomResourceDefinition } from "../../api/types/apiextensions.v1.ts";
import type { UserInfo } from "../../api/user.ts";
import { sleep } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { Lookup } from "../lookup.ts";
import type { WriteRequest } from "../registry/write-request.ts";
import type { Registry } from "../registry.ts";
import type { DynamicCatalogue } from "../resource-catalogue.ts";
import type { CachedObject } from "../watch-cache/watch-cache.ts";
import { type Condition, isTrue, withCondition } from "./conditions.ts";
import { CustomResource, type CustomResourceServices } from "./custom-resource.ts";
import { CLEANUP_FINALIZER } from "./definition-hooks.ts";
import { drain, IN_PROGRESS, nothingToDrain } from "./draining.ts";
import { servedVersions } from "./served-versions.ts";
import { planStatus, takenNames } from "./status-plan.ts";

export interface CustomResourcesOptions extends CustomResourceServices {
  readonly lookup: Lookup;
  /** The engine of the definitions themselves. */
  readonly definitions: () => Registry;
  readonly catalogue: DynamicCatalogue;
  readonly logger: Logger;
  /** As whom the server deletes the instances of a definition that goes. */
  readonly user: UserInfo;
}

export interface CustomResources {
  /** Resolves when everything is served that the stored definitions say. */
  start(): Promise<void>;
  stop(): void;
}

/** How long to wait before something that failed is tried again. */
const RETRY_MS = { first: 200, most: 30_000 };

/** What is known of one definition. */
interface Entry {
  /** Without its schemas, of which there may be megabytes. */
  definition: CustomResourceDefinition;
  /** Decodes the whole definition when it is needed. */
  stored: CachedObject;
  resource: CustomResource | undefined;
  /** Whether somebody works on it, and whether that has to be done again. */
  working: boolean;
  again: boolean;
}

/**
 * Follows the CustomResourceDefinitions: serves what they define, keeps their status (names, Established, and what else
 * upstream's controllers in the API server say), and empties those that are deleted. Level-triggered, per definition.
 */
export function customResources(options: CustomResourcesOptions): CustomResources {
  const { lookup, definitions, catalogue, clock, logger, user } = options;
  const entries = new Map<string, Entry>();
  const ending = new AbortController();
  let following: { stop(): void } | undefined;

  const put = (whole: CustomResourceDefinition, name: string, stored: CachedObject) => {
    const definition = withoutSchemas(whole);
    let entry = entries.get(name);
    if (entry) Object.assign(entry, { definition, stored });
    else {
      entry = { definition, stored, resource: undefined, working: false, again: false };
      entries.set(name, entry);
    }
    serve(name, entry);
    wake(name, entry);
  };
  const remove = (name: string) => {
    const entry = entries.get(name);
    if (!entry) return;
    entries.delete(name);
    retire(name, entry);
    // Its names are free now.
    for (const [other, one] of entries) if (one.definition.spec.group === entry.definition.spec.group) wake(other, one);
  };

  /** Brings the catalogue in line with a definition. */
  const serve = (name: string, entry: Entry) => {
    const { definition } = entry;
    if (!isTrue(definition, "NamesAccepted") && !isTrue(definition, "Established")) {
      retire(name, entry);
      return;
    }
    if (entry.resource?.serves(definition)) {
      const wasTerminating = isTrue(entry.resource.definition, "Terminating");
      entry.resource.update(definition, () => wholeOf(entry));
      if (wasTerminating === isTrue(definition, "Terminating")) return;
    } else {
      entry.resource?.close();
      entry.resource = new CustomResource(definition, () => wholeOf(entry), mayHaveRules(entry), options);
    }
    catalogue.put(name, servedVersions(definition, entry.resource.parts));
  };
  const retire = (name: string, entry: Entry) => {
    if (!entry.resource) return;
    catalogue.remove(name);
    entry.resource.close();
    entry.resource = undefined;
  };

  const wake = (name: string, entry: Entry) => {
    entry.again = true;
    if (entry.working) return;
    entry.working = true;
    void work(name, entry);
  };
  const work = async (name: string, entry: Entry) => {
    let retryMs = RETRY_MS.first;
    while (entry.again && !ending.signal.aborted && entries.get(name) === entry) {
      entry.again = false;
      try {
        await reconcile(name, entry);
        retryMs = RETRY_MS.first;
      } catch (error) {
        if (ending.signal.aborted) break;
        logger.warn("a CustomResourceDefinition could not be brought up to date, trying again", { name, error });
        entry.again = true;
        await sleep(clock, retryMs, ending.signal).catch(() => {});
        retryMs = Math.min(retryMs * 2, RETRY_MS.most);
      }
    }
    entry.working = false;
  };

  const setStatus = (
    name: string,
    plan: (definition: CustomResourceDefinition) => CustomResourceDefinition["status"],
  ) =>
    definitions().mutate(name, "", (current) => {
      const definition = current as KubeObject as CustomResourceDefinition;
      const status = plan(definition);
      return status === definition.status ? undefined : ({ ...definition, status } as UnknownObject);
    });
  const reconcile = async (name: string, entry: Entry) => {
    const { definition } = entry;
    const { deletionTimestamp, finalizers = [] } = definition.metadata ?? {};
    if (deletionTimestamp) {
      if (finalizers.includes(CLEANUP_FINALIZER)) await finish(name, entry);
      return;
    }
    await oneByOne(() => keepStatus(name, entry));
  };

  /** The work that decides on names, one after the other: none is given to two. */
  let deciding: Promise<void> = Promise.resolve();
  const oneByOne = (work: () => Promise<void>): Promise<void> => {
    const mine = deciding.then(work);
    deciding = mine.catch(() => {});
    return mine;
  };
  const keepStatus = async (name: string, entry: Entry) => {
    const { definition } = entry;
    const others = [...entries.values()].filter(
      (one) => one !== entry && one.definition.spec.group === definition.spec.group,
    );
    const taken = takenNames(others.map((one) => one.definition));
    if (planStatus(definition, taken, clock.now()) === definition.status) return;
    const written = await setStatus(name, (current) => {
      // What was decided holds for the definition that it was decided for.
      return current.metadata?.uid === definition.metadata?.uid
        ? planStatus(current, taken, clock.now())
        : current.status;
    });
    const names = ({ status }: CustomResourceDefinition) => JSON.stringify(status?.acceptedNames ?? null);
    const before = names(definition);
    if (written.revision > entry.stored.revision) {
      // The next to be decided on must know of it, also where the change has not come round yet.
      entry.stored = written;
      entry.definition = withoutSchemas(wholeOf(entry));
      serve(name, entry);
    }
    if (before === names(entry.definition)) return;
    // Names may have become free for others.
    for (const one of others) wake(one.definition.metadata!.name!, one);
  };

  /** Empties a definition that is to be deleted, and lets it go. */
  const finish = async (name: string, entry: Entry) => {
    const tell = (condition: Condition) =>
      setStatus(name, (current) => withCondition(current.status ?? {}, condition, clock.now()));
    const request: WriteRequest = { user, dryRun: false, options: { kind: "DeleteOptions" }, warn: () => {} };
    let condition = nothingToDrain(entry.definition);
    if (!condition) {
      await tell(IN_PROGRESS);
      if (!entry.resource) throw new Error("the instances can't be read, as the definition is not served");
      const outcome = await drain(entry.resource.storage, request, ending.signal);
      if (outcome.failed !== undefined) {
        if (!ending.signal.aborted) await tell(outcome.condition);
        throw outcome.failed;
      }
      condition = outcome.condition;
    }
    await tell(condition);
    await definitions().update(
      name,
      "",
      (current) => {
        const metadata = current?.metadata ?? {};
        const finalizers = (metadata.finalizers ?? []).filter((one) => one !== CLEANUP_FINALIZER);
        return { ...current, metadata: { ...metadata, finalizers } };
      },
      { ...request, options: { kind: "UpdateOptions" } },
    );
  };

  return {
    async start() {
      following = await lookup.follow(customResourceDefinitions, { put, remove });
    },
    stop() {
      ending.abort();
      following?.stop();
      for (const entry of entries.values()) entry.resource?.close();
    },
  };
}

const wholeOf = ({ stored }: Entry): CustomResourceDefinition =>
  stored.object as KubeObject as CustomResourceDefinition;

/** Told from the bytes, as the schemas are not to be decoded for it. */
const mayHaveRules = ({ stored: { value } }: Entry): boolean =>
  Buffer.from(value.buffer, value.byteOffset, value.byteLength).includes("x-kubernetes-validations");

function withoutSchemas(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { apiVersion, kind, metadata, spec, status } = definition;
  const { name, uid, generation, annotations, deletionTimestamp, finalizers } = metadata ?? {};
  const versions = spec.versions.map(({ schema: _, ...version }) => version);
  return {
    ...(apiVersion ? { apiVersion } : {}),
    ...(kind ? { kind } : {}),
    metadata: { name, uid, generation, annotations: approvalOnly(annotations), deletionTimestamp, finalizers },
    spec: { ...spec, versions },
    ...(status ? { status } : {}),
  };
}

/** The annotations that matter; others may be large. */
const approvalOnly = (annotations: Record<string, string> | undefined) =>
  annotations?.[APPROVAL] === undefined ? undefined : { [APPROVAL]: annotations[APPROVAL] };
