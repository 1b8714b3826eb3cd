import assert from "node:assert/strict";
import { test } from "node:test";
import { type PackageManifest, packageEntrypoint } from "./package-entrypoint.ts";

const resolve = (manifest: PackageManifest, ...files: string[]) => {
  const found = packageEntrypoint(manifest, (path) => files.includes(path));
  return "args" in found ? found.args : found.problem;
};

test("the entry point is the start script, else bin, else main, else a usual name", () => {
  assert.deepEqual(resolve({ scripts: { start: "node --enable-source-maps src/a.js x" }, main: "b.js" }), [
    "--enable-source-maps",
    "src/a.js",
    "x",
  ]);
  assert.deepEqual(resolve({ scripts: { start: "serve -p 80" } }, "node_modules/.bin/serve"), [
    "node_modules/.bin/serve",
    "-p",
    "80",
  ]);
  assert.deepEqual(resolve({ bin: "./cli.js", main: "b.js" }, "cli.js", "b.js"), ["cli.js"]);
  assert.deepEqual(resolve({ bin: { hello: "bin/hello" } }, "bin/hello"), ["bin/hello"]);
  assert.deepEqual(resolve({ main: "./lib" }, "lib/index.js"), ["lib/index.js"]);
  assert.deepEqual(resolve({ main: "app" }, "app.js"), ["app.js"]);
  assert.deepEqual(resolve({}, "index.ts", "server.js"), ["server.js"]);
});

test("what can't be started without a shell, or isn't there, is told", () => {
  assert.match(resolve({ scripts: { start: "PORT=80 node a.js" } }) as string, /needs a shell/);
  assert.match(resolve({ scripts: { start: "node a.js && echo done" } }) as string, /needs a shell/);
  assert.match(resolve({ scripts: { start: "serve" } }) as string, /not in node_modules/);
  assert.match(resolve({ bin: { a: "a.js", b: "b.js" } }, "a.js", "b.js") as string, /several programs/);
  assert.match(resolve({ main: "gone.js" }) as string, /gone\.js, which is not there/);
  assert.match(resolve({}) as string, /no entry point/);
});
