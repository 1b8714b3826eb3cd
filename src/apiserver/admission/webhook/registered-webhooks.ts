import { type Selector, selectorOf } from "../../../api/label-selector.ts";
import type { KubeObject, ResourceType } from "../../../api/object.ts";
import type { MutatingWebhook, ValidatingWebhook } from "../../../api/types/admissionregistration.v1.ts";
import type { Following, Lookup } from "../../lookup.ts";

/** One webhook of a configuration. */
export interface RegisteredWebhook<W extends ValidatingWebhook = ValidatingWebhook> {
  /** Tells it from all others, also from namesakes in the same configuration. */
  readonly id: string;
  readonly configuration: string;
  readonly webhook: W;
  /** Parsed when first asked for. Throws a SelectorError. */
  readonly namespaceSelector: Selector;
  readonly objectSelector: Selector;
}

interface Configuration<W> extends KubeObject {
  webhooks?: W[];
}

/** The webhooks that are registered, as the watch cache has them: by the names of their configurations, in their order there. */
export class RegisteredWebhooks<W extends ValidatingWebhook | MutatingWebhook> {
  readonly #type: ResourceType<Configuration<W>>;
  readonly #lookup: Lookup;
  readonly #configurations = new Map<string, readonly RegisteredWebhook<W>[]>();
  #all: readonly RegisteredWebhook<W>[] = [];
  #following: Following | undefined;

  constructor(type: ResourceType<Configuration<W>>, lookup: Lookup) {
    this.#type = type;
    this.#lookup = lookup;
  }

  get all(): readonly RegisteredWebhook<W>[] {
    return this.#all;
  }

  async start(): Promise<void> {
    this.#following = await this.#lookup.follow(this.#type, {
      put: (configuration, key) => {
        this.#configurations.set(key, registered(configuration));
        this.#sort();
      },
      remove: (key) => {
        this.#configurations.delete(key);
        this.#sort();
      },
    });
  }

  stop(): void {
    this.#following?.stop();
  }

  #sort(): void {
    const names = [...this.#configurations.keys()].sort();
    this.#all = names.flatMap((name) => this.#configurations.get(name)!);
  }
}

function registered<W extends ValidatingWebhook>({
  metadata,
  webhooks = [],
}: Configuration<W>): RegisteredWebhook<W>[] {
  const configuration = metadata?.name ?? "";
  const namesakes = new Map<string, number>();
  return webhooks.map((webhook) => {
    const count = namesakes.get(webhook.name) ?? 0;
    namesakes.set(webhook.name, count + 1);
    let namespaceSelector: Selector | undefined;
    let objectSelector: Selector | undefined;
    return {
      id: `${configuration}/${webhook.name}/${count}`,
      configuration,
      webhook,
      get namespaceSelector() {
        namespaceSelector ??= selectorOf(webhook.namespaceSelector);
        return namespaceSelector;
      },
      get objectSelector() {
        objectSelector ??= selectorOf(webhook.objectSelector);
        return objectSelector;
      },
    };
  });
}
