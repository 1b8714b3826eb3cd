import type { Clock } from "../../base/clock.ts";
import type { Histogram, MetricsRegistry } from "../../base/metrics.ts";
import type { AdmissionPlugin } from "../admission/admission.ts";

const CONTROLLER_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

/** The plugins, each of whose calls is timed under upstream's name of the metric. */
export function withAdmissionMetrics(
  plugins: readonly AdmissionPlugin[],
  registry: MetricsRegistry,
  clock: Clock,
): AdmissionPlugin[] {
  const duration = registry.histogram(
    "apiserver_admission_controller_admission_duration_seconds",
    "Time that an admission plugin took, by operation and kind of admission.",
    CONTROLLER_BUCKETS,
    ["name", "operation", "rejected", "type"],
  );
  return plugins.map((plugin) => {
    const series = new Map<string, Histogram>();
    const observe = (type: string, operation: string, isRejected: boolean, started: number) => {
      const key = `${operation} ${isRejected} ${type}`;
      let found = series.get(key);
      if (!found) {
        found = duration.with(plugin.name, operation, String(isRejected), type);
        series.set(key, found);
      }
      found.observe((clock.monotonic() - started) / 1000);
    };
    const timed = (type: string, operation: string, call: () => Promise<void> | void): Promise<void> | void => {
      const started = clock.monotonic();
      const done = () => observe(type, operation, false, started);
      const failed = (error: unknown) => {
        observe(type, operation, true, started);
        throw error;
      };
      let running: Promise<void> | void;
      try {
        running = call();
      } catch (error) {
        return failed(error);
      }
      if (running) return running.then(done, failed);
      done();
    };
    const { admit, validate } = plugin;
    return {
      name: plugin.name,
      handles: (attributes) => plugin.handles(attributes),
      ...(admit
        ? {
            admit: (attributes, reinvocation) =>
              timed("admit", attributes.operation, () => admit.call(plugin, attributes, reinvocation)),
          }
        : {}),
      ...(validate
        ? {
            validate: (attributes) => timed("validate", attributes.operation, () => validate.call(plugin, attributes)),
          }
        : {}),
      ...(plugin.start ? { start: () => plugin.start!() } : {}),
      ...(plugin.stop ? { stop: () => plugin.stop!() } : {}),
    };
  });
}
