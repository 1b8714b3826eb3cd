import assert from "node:assert/strict";
import { test } from "node:test";
import { linkRewriter } from "./html-links.ts";

const replace = (url: string) => (url.startsWith("/") ? `/p${url}` : url);
const whole = (page: string) => {
  const rewriter = linkRewriter(replace);
  return rewriter.push(page) + rewriter.end();
};

const pages: [string, string, string][] = [
  ["a link", '<a href="/x">t</a>', '<a href="/p/x">t</a>'],
  ["other quotes, or none", "<a href='/x'><A HREF=/y>", "<a href='/p/x'><A HREF=/p/y>"],
  ["what is relative", '<img src="x.png" alt="/x">', '<img src="x.png" alt="/x">'],
  ["several attributes", '<img class=a usemap = "/m" src="/x" />', '<img class=a usemap = "/p/m" src="/p/x" />'],
  ["an attribute of another tag", '<p href="/x">', '<p href="/x">'],
  ["a > in a value", '<a title="a>b" href="/x">', '<a title="a>b" href="/p/x">'],
  ["a comment", '<!-- <a href="/x"> --><a href="/x">', '<!-- <a href="/x"> --><a href="/p/x">'],
  [
    "a script's text",
    '<script src="/s">if (a < b) "<a href="/x">"</script><a href="/x">',
    '<script src="/p/s">if (a < b) "<a href="/x">"</script><a href="/p/x">',
  ],
  ["broken markup", '1 < 2 <a href="/x', '1 < 2 <a href="/x'],
  ["bytes that are no ASCII", '\xe4<a href="/\xfc">\xff', '\xe4<a href="/p/\xfc">\xff'],
];
for (const [name, page, expected] of pages) {
  test(`links: ${name}`, () => {
    assert.equal(whole(page), expected);
    const rewriter = linkRewriter(replace);
    assert.equal([...page].map((one) => rewriter.push(one)).join("") + rewriter.end(), expected);
  });
}

test("a tag without end is not held for ever", () => {
  const rewriter = linkRewriter(replace);
  assert.ok(rewriter.push(`<a ${"x".repeat(100_000)}`).length > 90_000);
});
