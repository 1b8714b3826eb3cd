import type { AdmissionAttributes, AdmissionPlugin } from "../admission/admission.ts";

/** Lets each plugin that cares change the object, in order. */
export async function admit(plugins: readonly AdmissionPlugin[], attributes: AdmissionAttributes): Promise<void> {
  for (const plugin of plugins) {
    if (!plugin.admit || !plugin.handles(attributes)) continue;
    const running = plugin.admit(attributes);
    if (running) await running;
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
