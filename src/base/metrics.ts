/**
 * Counters, gauges and histograms in Prometheus' text format. Small on purpose: the usual client library costs 45 ms of
 * start-up and hashes the labels of every observation; here the caller keeps a series and adds to it.
 */
export interface MetricsRegistry {
  /** A number that only grows. */
  counter(name: string, help: string, labels?: readonly string[]): Family<Counter>;
  /** A number that goes up and down, or one that `read` computes when it is asked for. */
  gauge(name: string, help: string, labels?: readonly string[]): Family<Gauge>;
  /** Observations counted in buckets of the given upper bounds (ascending, without +Inf). */
  histogram(name: string, help: string, buckets: readonly number[], labels?: readonly string[]): Family<Histogram>;
  /** Called before each rendering, to bring gauges up to date. */
  onCollect(callback: () => void): void;
  /** All families in the text exposition format 0.0.4. */
  render(): string;
}

export interface Family<S> {
  /** The series of these label values (in the order of the labels); the same values give the same series. */
  with(...values: string[]): S;
  /** Forgets all series, for a label whose old values mean nothing any more. */
  clear(): void;
}
export interface Counter {
  add(amount?: number): void;
}
export interface Gauge extends Counter {
  set(value: number): void;
}
export interface Histogram {
  /** Counts `value`, or `times` observations of it: a histogram over time counts each value for as long as it lasted. */
  observe(value: number, times?: number): void;
}

/** Content type of `render`. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

interface Series {
  labels: string;
  render(name: string, labels: string): string;
}

/** An empty registry. Asking twice for a family of the same name gives the same one. */
export function metricsRegistry(): MetricsRegistry {
  const families = new Map<string, { header: string; series: Map<string, Series>; family: Family<unknown> }>();
  const collectors: (() => void)[] = [];

  const family = <S>(
    name: string,
    help: string,
    type: string,
    labels: readonly string[],
    make: () => S & Omit<Series, "labels">,
  ) => {
    const known = families.get(name);
    if (known) return known.family as Family<S>;
    const series = new Map<string, Series & S>();
    const result: Family<S> = {
      with(...values) {
        const key = values.join("\0");
        let found = series.get(key);
        if (!found) {
          const rendered = labels.map((label, index) => `${label}="${escapeLabel(values[index] ?? "")}"`).join(",");
          found = { ...make(), labels: rendered };
          series.set(key, found);
        }
        return found;
      },
      clear: () => series.clear(),
    };
    families.set(name, {
      header: `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`,
      series,
      family: result,
    });
    return result;
  };

  return {
    counter: (name, help, labels = []) => family<Counter>(name, help, "counter", labels, number),
    gauge: (name, help, labels = []) => family<Gauge>(name, help, "gauge", labels, number),
    histogram: (name, help, buckets, labels = []) =>
      family<Histogram>(name, help, "histogram", labels, () => histogram(buckets)),
    onCollect: (callback) => void collectors.push(callback),
    render() {
      for (const collect of collectors) collect();
      let text = "";
      for (const [name, { header, series }] of families) {
        if (series.size === 0) continue;
        text += header;
        for (const one of series.values()) text += one.render(name, one.labels);
      }
      return text;
    },
  };
}

function number(): Gauge & Omit<Series, "labels"> {
  let value = 0;
  return {
    add(amount = 1) {
      value += amount;
    },
    set(to) {
      value = to;
    },
    render: (name, labels) => `${name}${labels && `{${labels}}`} ${value}\n`,
  };
}

function histogram(bounds: readonly number[]): Histogram & Omit<Series, "labels"> {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    observe(value, times = 1) {
      sum += value * times;
      let index = 0;
      while (index < bounds.length && value > bounds[index]!) index++;
      counts[index]! += times;
    },
    render(name, labels) {
      const prefix = labels && `${labels},`;
      let text = "";
      let total = 0;
      for (let index = 0; index <= bounds.length; index++) {
        total += counts[index]!;
        text += `${name}_bucket{${prefix}le="${index < bounds.length ? bounds[index] : "+Inf"}"} ${total}\n`;
      }
      const own = labels && `{${labels}}`;
      return `${text}${name}_sum${own} ${sum}\n${name}_count${own} ${total}\n`;
    },
  };
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
