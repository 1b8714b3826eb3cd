import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

const root = resolve(import.meta.dirname, "../src");

/** Which rooms a room may import, beside itself. `cluster` composes, so it may see everything below it. */
const ROOMS: Record<string, readonly string[]> = {
  base: [],
  api: ["base"],
  store: ["api", "base"],
  client: ["api", "base"],
  apiserver: ["store", "client", "api", "base"],
  controllers: ["client", "api", "base"],
  scheduler: ["client", "api", "base"],
  cloud: ["client", "api", "base"],
  kubelet: ["client", "api", "base"],
  simulator: ["client", "api", "base"],
  operator: ["client", "api", "base"],
  proxy: ["client", "api", "base"],
  dns: ["client", "api", "base"],
  metrics: ["client", "api", "base"],
  logging: ["client", "api", "base"],
  registry: ["client", "api", "base"],
  "load-balancer": ["client", "api", "base"],
};
const BOXES = Object.keys(ROOMS);
ROOMS.cluster = BOXES;
ROOMS.testing = [...BOXES, "cluster"];
ROOMS.cli = [...BOXES, "cluster", "testing"];

/** Implementations behind an interface: only `cluster` (and their own folder) may import them. */
const IMPLEMENTATIONS = [
  /^store\/(memory|embedded|etcd)(\/|\.ts)/,
  /^kubelet\/runtimes\//,
  /^proxy\/backends\//,
  /^cloud\/providers\//,
];

/** Modules with effects, and expressions that read the ambient world. Only `base` may use them. */
const EFFECT_MODULES =
  /^node:(fs|fs\/promises|child_process|net|tls|http|https|http2|dgram|dns|dns\/promises|timers|timers\/promises|sqlite|worker_threads|cluster)$/;
const AMBIENT = [
  /\bDate\.now\(/,
  /\bnew Date\(\)/,
  /\bMath\.random\(/,
  /(?<![.\w])setTimeout\(/,
  /(?<![.\w])setInterval\(/,
  /\bAbortSignal\.timeout\(/,
  /\bperformance\.now\(/,
  /\brandomUUID\(/,
  /\brandomBytes\(/,
  /(?<![.\w])fetch\(/,
];

interface Source {
  path: string;
  text: string;
  imports: { target: string; typeOnly: boolean }[];
}

const sources: Source[] = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    const imports = [
      ...text.matchAll(
        /^\s*(?:import|export)\s+(type\s)?[^;"']*?from\s+["']([^"']+)["']|import\(["']([^"']+)["']\)|^import\s+["']([^"']+)["']/gm,
      ),
    ].map((match) => ({ typeOnly: match[1] !== undefined, target: (match[2] ?? match[3] ?? match[4])! }));
    return { path, text, imports };
  });
const isTest = (path: string) => /\.(test|contract|fixture)\.ts$/.test(path);
const room = (path: string) => path.split("/")[0]!.replace(/\.ts$/, "");
const local = (source: Source) =>
  source.imports
    .filter(({ target }) => target.startsWith("."))
    .map(({ target, typeOnly }) => ({ typeOnly, path: relative(root, resolve(root, dirname(source.path), target)) }));

test("every room is on the map", () => {
  const unknown = sources.map((source) => room(source.path)).filter((name) => !(name in ROOMS));
  assert.deepEqual([...new Set(unknown)], []);
});

test("rooms import only what the map allows", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const { path } of local(source)) {
      const [from, to] = [room(source.path), room(path)];
      if (path.startsWith("..") || from === to) continue;
      if (!ROOMS[from]?.includes(to)) wrong.push(`${source.path} imports ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("only the composition root imports implementations", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    if (isTest(source.path)) continue;
    for (const { path } of local(source)) {
      const pattern = IMPLEMENTATIONS.find((candidate) => candidate.test(path));
      if (!pattern || pattern.test(source.path)) continue;
      if (!["cluster", "testing"].includes(room(source.path))) wrong.push(`${source.path} imports ${path}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("there are no import cycles", () => {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      local(source)
        .filter(({ typeOnly }) => !typeOnly)
        .map(({ path }) => path),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]) => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
    if (done.has(path) || trail.includes(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  assert.deepEqual(cycles, []);
});

test("effects are handed in, not reached for", () => {
  const wrong: string[] = [];
  for (const source of sources) {
    if (room(source.path) === "base" || isTest(source.path)) continue;
    for (const { target, typeOnly } of source.imports) {
      if (!typeOnly && EFFECT_MODULES.test(target)) wrong.push(`${source.path} imports ${target}`);
    }
    const code = source.text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    for (const pattern of AMBIENT) {
      const match = pattern.exec(code);
      if (match) wrong.push(`${source.path} uses ${match[0]}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("there are no grab-bag names", () => {
  const wrong = sources
    .map((source) => source.path)
    .filter((path) => /(^|\/)(utils?|helpers?|misc|common)(\/|\.ts$)/.test(path));
  assert.deepEqual(wrong, []);
});
