import { loadCel } from "../../api/cel/load.ts";
import { jsonEqual } from "../../api/json-equal.ts";
import { apiVersionOf, type ResourceType, type UnknownObject } from "../../api/object.ts";
import { forbidden } from "../../api/status-error.ts";
import { loadPatterns, patternsLoaded } from "../../api/structural/patterns.ts";
import type { CustomResourceDefinition } from "../../api/types/apiextensions.v1.ts";
import type { Clock } from "../../base/clock.ts";
import { cloneJson } from "../../base/clone.ts";
import type { Logger } from "../../base/logger.ts";
import type { Random } from "../../base/random.ts";
import type { Store } from "../../store/store.ts";
import type { AdmissionPlugin } from "../admission/admission.ts";
import { Registry } from "../registry.ts";
import type { ResourceCache, WatchCaches } from "../watch-cache/watch-cache.ts";
import { watchCaches } from "../watch-cache/watch-caches.ts";
import type { WebhookCaller } from "../webhook/webhook-client.ts";
import { isTrue } from "./conditions.ts";
import { convertingStore } from "./converting-store.ts";
import { customDefinition } from "./custom-definition.ts";
import { CustomVersion } from "./custom-version.ts";
import type { VersionParts } from "./served-versions.ts";
import { convertedOptions, storeConversion, type VersionView, viewOptions, writingAs } from "./view-cache.ts";
import { type Convert, webhookConversion } from "./webhook-conversion.ts";

export interface CustomResourceServices {
  readonly store: Store;
  readonly caches: WatchCaches;
  readonly webhooks: WebhookCaller;
  readonly logger: Logger;
  /** In the order in which they are asked. */
  readonly admission: readonly AdmissionPlugin[];
  readonly clock: Clock;
  readonly random: Random;
}

/** What each version whose objects a webhook converts may remember. */
const CONVERTED_MEMO_BYTES = 4 * 2 ** 20;

/** Requests under way when a definition changes may use the old engine for so long. */
const DRAIN_MS = 1_000;

/**
 * What a CustomResourceDefinition is served by: an engine for each version, which reads what is stored in that version
 * and validates by its schema. It holds as long as the spec and the names stay as they are.
 */
export class CustomResource {
  readonly parts: readonly VersionParts[];
  readonly #services: CustomResourceServices;
  readonly #closing: (() => void)[] = [];
  readonly #hasRules: boolean;
  #definition: CustomResourceDefinition;
  #whole: () => CustomResourceDefinition;

  /**
   * `definition` may lack the schemas, which are read from `whole` when they are needed; `hasRules` tells whether there may
   * be rules in them.
   */
  constructor(
    definition: CustomResourceDefinition,
    whole: () => CustomResourceDefinition,
    hasRules: boolean,
    services: CustomResourceServices,
  ) {
    this.#hasRules = hasRules;
    this.#definition = definition;
    this.#whole = whole;
    this.#services = services;
    this.parts = this.#makeParts();
  }

  /** The definition as it is now: only its metadata and the conditions of its status change. */
  get definition(): CustomResourceDefinition {
    return this.#definition;
  }

  update(definition: CustomResourceDefinition, whole: () => CustomResourceDefinition): void {
    this.#definition = definition;
    this.#whole = whole;
  }

  /** Whether `definition` is served by this too: its spec, which the generation stands for, and its names are the same. */
  serves(definition: CustomResourceDefinition): boolean {
    const { status, metadata } = this.#definition;
    return (
      metadata?.uid === definition.metadata?.uid &&
      metadata?.generation === definition.metadata?.generation &&
      jsonEqual(status?.acceptedNames, definition.status?.acceptedNames)
    );
  }

  /** The engine of the storage version. */
  get storage(): Registry {
    const found = this.parts.find(({ version }) => version.storage);
    if (!found) throw new RangeError(`${this.definition.metadata?.name} has no storage version`);
    return found.open();
  }

  /** Ends all watches, soon. */
  close(): void {
    this.#services.clock.after(DRAIN_MS, () => {
      for (const close of this.#closing.splice(0)) close();
    });
  }

  #makeParts(): VersionParts[] {
    const { spec, status } = this.#definition;
    const names = status?.acceptedNames ?? spec.names;
    const preserve = spec.preserveUnknownFields ?? false;
    const versions = new Map(
      spec.versions.map(({ name }) => [name, new CustomVersion(name, preserve, () => this.#whole())]),
    );
    const storage = spec.versions.find((version) => version.storage)?.name ?? "";
    const { admission, clock, random } = this.#services;
    return spec.versions
      .filter((version) => version.served || version.storage)
      .map((version): VersionParts => {
        const { group } = spec;
        const type: ResourceType = {
          group,
          version: version.name,
          resource: names.plural,
          kind: names.kind,
          namespaced: spec.scope === "Namespaced",
        };
        const custom = versions.get(version.name)!;
        const definition = customDefinition({ type, names, version, custom });
        let registry: Registry | undefined;
        const open = () => {
          if (registry) return registry;
          const cache = this.#openCache(
            { group, resource: names.plural, version: custom, versions, definition },
            storage,
          );
          registry = new Registry({ definition, cache, hooks: this.#hooks(type), admission, clock, random });
          return registry;
        };
        const apiVersion = apiVersionOf({ group, version: version.name });
        const asThis = (object: UnknownObject) => this.#convert(object, custom, apiVersion);
        return { version, custom, definition, open, prepare: () => this.#prepare(), convert: asThis };
      });
  }

  /** By the webhook, if there is one: undefined where versions differ in their names only. */
  get #webhook(): Convert | undefined {
    const { conversion } = this.#definition.spec;
    return conversion?.strategy === "Webhook" ? webhookConversion(conversion, this.#services) : undefined;
  }

  #convert(object: UnknownObject, version: CustomVersion, apiVersion: string): UnknownObject | Promise<UnknownObject> {
    const inForm = (converted: UnknownObject) => {
      version.coerce(converted, { lenient: true });
      return converted;
    };
    const webhook = this.#webhook;
    if (!webhook) return inForm({ ...cloneJson(object), apiVersion });
    return webhook([object], apiVersion).then(([converted]) => inForm(converted!));
  }

  #openCache(view: VersionView, storage: string): ResourceCache {
    const { store, caches, clock, logger } = this.#services;
    const { group } = this.#definition.spec;
    const convert = this.#webhook;
    if (!convert) {
      const opened = caches.openView(viewOptions(view));
      this.#closing.push(opened.close);
      return writingAs(opened.cache, apiVersionOf({ group, version: storage }));
    }
    const onFailure = (error: unknown) => {
      const { resource, version } = view;
      logger.warn("a custom object could not be converted", { resource, version: version.name, error });
      // Those who wait for this change begin anew, too; what comes of it is for them.
      opened.count().catch(() => {});
    };
    const converting = convertingStore(store, storeConversion(view, view.versions.get(storage)!, convert, onFailure));
    const own = watchCaches({ store: converting, clock, logger, memoBytes: CONVERTED_MEMO_BYTES });
    this.#closing.push(() => own.close());
    const opened = own.open(convertedOptions(view));
    return opened;
  }

  /** Loads what reading and validating takes. */
  #prepare(): Promise<void> | undefined {
    const waiting = [patternsLoaded() ? undefined : loadPatterns(), this.#hasRules ? loadCel() : undefined];
    const pending = waiting.filter((one) => one !== undefined);
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => {});
  }

  #hooks(type: ResourceType) {
    return {
      beginCreate: (object: { metadata?: { name?: string } }) => {
        if (isTrue(this.#definition, "Terminating")) {
          const { group, resource } = type;
          const reason = "create not allowed while custom resource definition is terminating";
          throw forbidden({ group, resource }, object.metadata?.name ?? "", reason);
        }
        return () => {};
      },
    };
  }
}
