import type { Counter, Histogram, MetricsRegistry } from "../../base/metrics.ts";
import type { ResourceCatalogue } from "../resource-catalogue.ts";
import type { ServedResource } from "../served-resource.ts";

/** 1 KiB to 128 KiB. */
const EVENT_BUCKETS = Array.from({ length: 8 }, (_, power) => 1024 * 2 ** power);

export interface WatchEventMetrics {
  /** Counts events that are sent to one watcher, by their sizes in bytes. */
  sent(resource: ServedResource, events: readonly { readonly length: number }[]): void;
  /** Counts a list that was answered from memory, with so many objects. */
  listed(resource: ServedResource, returned: number): void;
}

/** What is stored and watched, under upstream's names. */
export function resourceMetrics(registry: MetricsRegistry, catalogue: ResourceCatalogue): WatchEventMetrics {
  const labels = ["group", "resource"];
  const objects = registry.gauge("apiserver_resource_objects", "Stored objects, of the resources in use.", labels);
  const sizes = registry.gauge("apiserver_resource_size_estimate_bytes", "What they take as stored.", labels);
  const older = registry.gauge("apiserver_storage_objects", "Stored objects, by resource and group.", ["resource"]);
  registry.onCollect(() => {
    for (const { conversion, opened, type, registry: engine } of catalogue.all.filter((one) => one.opened)) {
      if (conversion || !opened) continue;
      const { group, resource } = type;
      objects.with(group, resource).set(engine.cache.size);
      sizes.with(group, resource).set(engine.cache.bytes);
      older.with(group === "" ? resource : `${resource}.${group}`).set(engine.cache.size);
    }
  });

  const byVersion = ["group", "version", "resource"];
  const total = registry.counter("apiserver_watch_events_total", "Events sent to watchers.", byVersion);
  const eventSizes = registry.histogram("apiserver_watch_events_sizes", "Their sizes.", EVENT_BUCKETS, byVersion);
  const known = new WeakMap<ServedResource, { total: Counter; sizes: Histogram }>();
  const lists = registry.counter("apiserver_cache_list_total", "Lists answered from memory.", labels);
  const returned = registry.counter("apiserver_cache_list_returned_objects_total", "Objects in them.", labels);
  return {
    sent(resource, events) {
      let series = known.get(resource);
      if (!series) {
        const { group, version, resource: name } = resource.type;
        series = { total: total.with(group, version, name), sizes: eventSizes.with(group, version, name) };
        known.set(resource, series);
      }
      series.total.add(events.length);
      for (const { length } of events) series.sizes.observe(length);
    },
    listed({ type: { group, resource } }, count) {
      lists.with(group, resource).add();
      returned.with(group, resource).add(count);
    },
  };
}
