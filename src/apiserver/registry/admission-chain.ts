import type { AdmissionAttributes, AdmissionPlugin, Reinvocation } from "../admission/admission.ts";

/**
 * Lets each plugin that cares change the object, in order; all of them once more where one asks for that. The object
 * keeps its identity, but what is in it may be replaced: read its metadata anew afterwards.
 */
export async function admit(plugins: readonly AdmissionPlugin[], attributes: AdmissionAttributes): Promise<void> {
  const rounds = new Rounds();
  await admitOnce(plugins, attributes, rounds);
  if (rounds.begin()) await admitOnce(plugins, attributes, rounds);
}

async function admitOnce(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
  rounds: Rounds,
): Promise<void> {
  for (const plugin of plugins) {
    if (!plugin.admit || !plugin.handles(attributes)) continue;
    const running = plugin.admit(attributes, rounds);
    if (running) await running;
  }
}

class Rounds implements Reinvocation {
  round = 0;
  #wanted = false;
  #states: Map<AdmissionPlugin, unknown> | undefined;

  request(): void {
    this.#wanted = true;
  }

  /** Whether there is to be a second round; it has begun then. */
  begin(): boolean {
    if (this.#wanted) this.round = 1;
    return this.#wanted;
  }

  state<T>(plugin: AdmissionPlugin, make: () => T): T {
    this.#states ??= new Map();
    if (!this.#states.has(plugin)) this.#states.set(plugin, make());
    return this.#states.get(plugin) as T;
  }
}

/** Lets each plugin that cares refuse the finished object. */
export async function validateAdmission(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
): Promise<void> {
  for (const plugin of plugins) {
    if (!plugin.validate || !plugin.handles(attributes)) continue;
    const running = plugin.validate(attributes);
    if (running) await running;
  }
}
