import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSelector, parseLabelSelector, selectorOf, selectorOfMap } from "./label-selector.ts";

test("parsing and printing", () => {
  const cases: [string, string][] = [
    ["a=b,c!=d,e in (x,y),f,!g,n>1", "a=b,c!=d,e in (x,y),f,!g,n>1"],
    ["z==1, a notin (b,a)", "a notin (a,b),z==1"],
    ["in in (in)", "in in (in)"],
    ["a=,b", "a=,b"],
    ["a in ()", "a in ()"],
    ["a in (b,,c,c)", "a in (,b,c)"],
    ["  ", ""],
  ];
  for (const [text, printed] of cases) assert.equal(parseLabelSelector(text).toString(), printed, text);
});

test("parse errors are upstream's", () => {
  const cases: [string, string][] = [
    [",", "found ',', expected: !, identifier, or 'end of string'"],
    ["a,", "found '', expected: identifier after ','"],
    ["a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a in b", "unable to parse requirement: found 'b' expected: '('"],
    ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
    ["a in (x,", "unable to parse requirement: found '', expected: ',', or identifier"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["a=(b)", "unable to parse requirement: found '(', expected: identifier"],
    [
      "a>x",
      "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    [
      "-a",
      "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    ],
  ];
  for (const [text, message] of cases) assert.throws(() => parseLabelSelector(text), { message }, text);
});

test("matching", () => {
  const labels = { app: "web", tier: "1", empty: "" };
  const cases: [string, boolean][] = [
    ["", true],
    ["app=web", true],
    ["app=db", false],
    ["none=x", false],
    ["none!=x", true],
    ["app!=web", false],
    ["app in (db,web)", true],
    ["app notin (db)", true],
    ["none notin (db)", true],
    ["app", true],
    ["!app", false],
    ["!none", true],
    ["empty=", true],
    ["tier>0", true],
    ["tier<1", false],
    ["app>0", false],
    ["none>0", false],
    ["toString", false],
    ["app=web,!tier", false],
  ];
  for (const [text, matches] of cases) assert.equal(parseLabelSelector(text).matches(labels), matches, text);
  assert.equal(parseLabelSelector("!a").matches(undefined), true);
});

test("selectors of objects", () => {
  assert.equal(selectorOf(undefined).matches({ a: "b" }), false);
  assert.equal(selectorOf({}).matches(undefined), true);
  const selector = {
    matchLabels: { b: "1", a: "2" },
    matchExpressions: [
      { key: "c", operator: "In", values: ["y", "x"] },
      { key: "d", operator: "DoesNotExist" },
    ],
  };
  assert.equal(selectorOf(selector).toString(), "a=2,b=1,c in (x,y),!d");
  assert.equal(formatSelector(selector), "a=2,b=1,c in (x,y),!d");
  assert.equal(formatSelector({}), "<none>");
  assert.equal(selectorOfMap({ a: "b" }).matches({ a: "b", c: "d" }), true);
  assert.throws(() => selectorOf({ matchExpressions: [{ key: "a", operator: "Near" }] }), {
    message: '"Near" is not a valid label selector operator',
  });
  assert.throws(() => selectorOf({ matchExpressions: [{ key: "a", operator: "In" }] }), {
    message: "values: Invalid value: []string{}: for 'in', 'notin' operators, values set can't be empty",
  });
});
