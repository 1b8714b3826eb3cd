import assert from "node:assert/strict";
import { test } from "node:test";
import { metricsRegistry } from "./metrics.ts";

test("families are rendered in the text format, series by series", () => {
  const registry = metricsRegistry();
  const requests = registry.counter("requests_total", "Requests.\nAll of them.", ["verb", "path"]);
  requests.with("GET", 'a"b\\').add();
  requests.with("GET", 'a"b\\').add(2);
  const depth = registry.gauge("depth", "Depth.");
  registry.onCollect(() => depth.with().set(7));
  const seconds = registry.histogram("seconds", "Seconds.", [0.1, 1], ["verb"]).with("GET");
  for (const value of [0.05, 0.1, 0.5, 5]) seconds.observe(value);
  registry.counter("never", "Without a series.");
  assert.equal(
    registry.render(),
    [
      "# HELP requests_total Requests.\\nAll of them.",
      "# TYPE requests_total counter",
      'requests_total{verb="GET",path="a\\"b\\\\"} 3',
      "# HELP depth Depth.",
      "# TYPE depth gauge",
      "depth 7",
      "# HELP seconds Seconds.",
      "# TYPE seconds histogram",
      'seconds_bucket{verb="GET",le="0.1"} 2',
      'seconds_bucket{verb="GET",le="1"} 3',
      'seconds_bucket{verb="GET",le="+Inf"} 4',
      'seconds_sum{verb="GET"} 5.65',
      'seconds_count{verb="GET"} 4',
      "",
    ].join("\n"),
  );
  assert.equal(registry.counter("requests_total", "again"), requests);
});
