import assert from "node:assert/strict";
import { test } from "node:test";
import { ignoreFile } from "./ignore-file.ts";

test("patterns exclude as Docker's do; the last match decides", () => {
  const ignored = ignoreFile(
    "# comment\nnode_modules\n/dist/\n**/*.log\n!keep.log\ntmp?\n*/cache\ndocs/**\n[ab].txt\n",
  );
  for (const path of [
    "node_modules",
    "node_modules/a/b",
    "dist/x",
    "a.log",
    "a/b/c.log",
    "tmp1",
    "x/cache/y",
    "docs/a/b",
    "a.txt",
  ]) {
    assert.equal(ignored(path), true, path);
  }
  for (const path of ["src/node_modules", "keep.log", "tmp", "cache", "x/y/cache", "docs.md", "c.txt", "distx"]) {
    assert.equal(ignored(path), false, path);
  }
  assert.equal(ignoreFile("")("anything"), false);
  assert.throws(() => ignoreFile("["), /\.dockerignore: "\["/);
});
