import assert from "node:assert/strict";
import { test } from "node:test";
import type { Field, StructType, Type } from "../schema/schema.ts";
import { CelError, type CelVariables, compileCel } from "./cel.ts";

const scalar = (name: "string" | "int64" | "double" | "intOrString", more: object = {}): Type => ({
  kind: "scalar",
  scalar: name,
  ...more,
});
const struct = (fields: Record<string, Type>): StructType => ({
  kind: "struct",
  name: "",
  atomic: false,
  fields: new Map(Object.entries(fields).map(([name, type]) => [name, { name, type, required: false } as Field])),
});
const list = (items: Type, more: object = {}): Type => ({
  kind: "list",
  items,
  listType: undefined,
  keys: [],
  ...more,
});

const schema = struct({
  count: scalar("int64"),
  ratio: scalar("double"),
  name: scalar("string", { maxLength: 10 }),
  when: scalar("string", { format: "date-time" }),
  wait: scalar("string", { format: "duration" }),
  port: scalar("intOrString"),
  namespace: scalar("string"),
  "a-b.c/d": scalar("string"),
  set: list(scalar("string", { maxLength: 4 }), { listType: "set", maxItems: 5 }),
  byName: list(struct({ name: scalar("string"), value: scalar("int64") }), { listType: "map", keys: ["name"] }),
  plain: list(scalar("int64"), { maxItems: 10 }),
  labels: { kind: "map", values: scalar("string"), atomic: false },
});
const VARIABLES: CelVariables = {
  self: { schema },
  oldSelf: { schema },
  maybe: { optional: { schema } },
  any: "dyn",
  text: "string",
  numbers: { list: "int" },
};
const SELF = {
  count: 3,
  ratio: 1,
  name: "abc",
  when: "2024-02-29T12:00:00Z",
  wait: "1h30m",
  port: 80,
  namespace: "ns",
  "a-b.c/d": "odd",
  set: ["a", "b"],
  byName: [
    { name: "x", value: 1 },
    { name: "y", value: 2 },
  ],
  plain: [1, 2, 3],
  labels: { app: "web" },
};
const BINDINGS = {
  self: SELF,
  oldSelf: { ...SELF, set: ["b", "a"], byName: [...SELF.byName].reverse() },
  maybe: undefined,
  any: { one: 1, half: 0.5, list: [1, 2.5], text: "é😀", nothing: null },
  text: "hello world",
  numbers: [3, 1, 2],
};
const evaluate = (source: string): unknown =>
  compileCel(source, VARIABLES).evaluate(BINDINGS, { remaining: 10_000_000 });

/** Expressions that are true. */
const TRUE = [
  // numbers
  "1 + 2 * 3 == 7",
  "7 / -2 == -3 && 7 % -2 == 1",
  "0x10 == 16 && 5u + 2u == 7u",
  "1 < 1.5 && 2u > 1",
  "any.one == 1.0 && any.half == 0.5 && any.list[1] > 2",
  "9223372036854775807 > 9.0e18",
  "double(3) / 2.0 == 1.5 && int(3.9) == 3 && int(-3.9) == -3",
  "string(1.0) == '1' && string(1000000.0) == '1e+06' && string(0.1) == '0.1'",
  "0.0 / 0.0 != 0.0 / 0.0",
  // strings
  "any.text.size() == 2 && size('é') == 1",
  "'\\u00e9' == 'é' && r'\\n'.size() == 2 && '''a\nb'''.contains('\\n')",
  "b'é' == b'\\303\\251' && bytes('a') + b'b' == b'ab'",
  "'tacocat'.charAt(3) == 'o' && 'tacocat'.indexOf('a', 3) == 5 && 'tacocat'.lastIndexOf('a') == 5",
  "'a,b,c'.split(',', 2) == ['a', 'b,c'] && ['a', 'b'].join('-') == 'a-b'",
  "'hello hello'.replace('he', 'we', 1) == 'wello hello' && 'ab'.replace('', '-') == '-a-b-'",
  "'  trim '.trim() == 'trim' && 'AbÉ'.lowerAscii() == 'abÉ' && 'tacocat'.substring(1, 4) == 'aco'",
  "'%s %d %.2f %x %X %b %o %e %%'.format(['a', 1, 2.5, 255, 'z', 5, 8, 1234.5]) == 'a 1 2.50 ff 7A 101 10 1.234500×10⁰³ %'",
  "'%s'.format([[1.0, 'a', {'k': true}]]) == '[1.000000, \"a\", {\"k\":true}]' && '%.1f %.1f'.format([2.25, 2.35]) == '2.2 2.4'",
  "strings.quote('a\"b') == '\"a\\\\\"b\"'",
  // regular expressions
  "text.matches('w.r') && matches('abc', '^a') && !'abc'.matches('^b')",
  "'a1b22'.find('[0-9]+') == '1' && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1b22'.findAll('[0-9]+', 1) == ['1']",
  // logic
  "true || 1 / 0 > 0",
  "1 / 0 > 0 || true",
  "!(false && 1 / 0 > 0) && !(1 / 0 > 0 && false)",
  "[0, 1].exists(x, 1 / x == 1) && ![0, 1].all(x, 1 / x == 2)",
  "any.one == 1 ? true : 1 / 0 == 0",
  // lists and maps
  "1 in [1, 2] && 'a' in {'a': 1} && !(any.one in [])",
  "[1, 2, 3].exists_one(x, x > 2) && [1, 2, 3].existsOne(i, v, i == v - 1 && i == 2)",
  "numbers.map(x, x * 2) == [6, 2, 4] && numbers.map(x, x > 1, x) == [3, 2] && numbers.filter(x, x > 1) == [3, 2]",
  "{'a': 1, 'b': 2}.all(k, v, k.size() == 1 && v > 0) && ['a'].transformList(i, v, v + string(i)) == ['a0']",
  "{'a': 1}.transformMap(k, v, v + 1) == {'a': 2} && {'a': 'b'}.transformMapEntry(k, v, {v: k}) == {'b': 'a'}",
  "numbers.sum() == 6 && numbers.max() == 3 && numbers.min() == 1 && !numbers.isSorted() && [duration('1s'), duration('2s')].sum() == duration('3s')",
  "numbers.indexOf(2) == 2 && [1, 1].lastIndexOf(1) == 1 && [].sum() == 0",
  "numbers.sort() == [1, 2, 3] && numbers.sortBy(x, -x) == [3, 2, 1] && ['b', 'a'].sort() == ['a', 'b']",
  "[1, 2, 3, 4].slice(1, 3) == [2, 3] && [[1], [2, 3]].flatten() == [1, 2, 3] && [1, 1, 2].distinct() == [1, 2]",
  "lists.range(3) == [0, 1, 2] && numbers.reverse() == [2, 1, 3] && numbers.first().value() == 3",
  "sets.contains([1, 2, 3], [3, 1]) && sets.equivalent([1, 1, 2], [2, 1]) && sets.intersects([1], [1, 2])",
  "dyn({2u: 'b'})[2] == 'b' && dyn({'a': 1}) == {'a': 1.0}",
  // time
  "timestamp('2024-02-29T12:00:00Z').getDayOfYear() == 59 && timestamp('2024-02-29T23:30:00Z').getHours('+01:00') == 0",
  "timestamp('2024-07-01T00:00:00Z').getHours('America/New_York') == 20",
  "timestamp('0001-01-01T00:00:00Z') < timestamp('9999-12-31T23:59:59.999999999Z')",
  "timestamp('2024-01-01T00:00:00Z') + duration('24h') == timestamp('2024-01-02T00:00:00Z')",
  "string(timestamp('2024-01-01T00:00:00.120Z')) == '2024-01-01T00:00:00.12Z' && string(duration('1m1.5s')) == '61.5s'",
  "duration('90m').getHours() == 1 && duration('1.5s').getMilliseconds() == 1500 && duration('-1.5h') < duration('0s')",
  "int(timestamp('1969-12-31T23:59:59.5Z')) == -1 && timestamp(0) == timestamp('1970-01-01T00:00:00Z')",
  // types
  "type(1) == int && type('') == string && type([]) == list && type(null) == null_type && type(type(1)) == type",
  "type(timestamp(0)) == google.protobuf.Timestamp && type(ip('::1')) == net.IP && type(optional.none()) == optional_type",
  // optionals
  "self.?name.hasValue() && !self.labels.?gone.hasValue() && any.?gone.?deeper.orValue(5) == 5",
  "[1, ?optional.none(), ?optional.of(2)] == [1, 2] && {?'a': optional.none(), 'b': 1} == {'b': 1}",
  "optional.of(2).optMap(x, x * 2) == optional.of(4) && optional.none().or(optional.of(1)).value() == 1",
  "numbers[?9].orValue(0) == 0 && optional.of({'a': 1}).a.value() == 1 && optional.ofNonZeroValue('') == optional.none()",
  "optional.of([1]).optFlatMap(l, l[?0]).value() == 1 && !maybe.hasValue() && maybe.name.orValue('x') == 'x'",
  // a schema
  "self.count == 3 && self.ratio == 1.0 && type(self.ratio) == double && type(self.count) == int",
  "self.when > timestamp('2024-02-29T00:00:00Z') && self.wait == duration('90m')",
  "self.__namespace__ == 'ns' && self.a__dash__b__dot__c__slash__d == 'odd' && type(self.port) == int",
  "self.set == oldSelf.set && self.byName == oldSelf.byName && self.plain != oldSelf.plain + [4]",
  "(self.set + ['b', 'c']).size() == 3 && (self.byName + [self.byName[0]]).size() == 2 && self.plain + [1] == [1, 2, 3, 1]",
  "has(self.name) && !has(self.labels.other) && self.labels.all(k, k == 'app') && self.labels['app'] == 'web'",
  "self == self && self.byName.exists(x, x.name == 'y' && x.value == 2)",
  "any.nothing == null && has(any.nothing)",
  // Kubernetes' libraries
  "quantity('1.5Gi').compareTo(quantity('1536Mi')) == 0 && quantity('1k').asInteger() == 1000 && !isQuantity('x')",
  "quantity('50k').add(20) == quantity('50020') && quantity('1').sub(quantity('2')).isLessThan(quantity('0')) && sign(quantity('-1')) == -1",
  "!quantity('50m').isInteger() && quantity('0.5').asApproximateFloat() == 0.5",
  "url('https://user@h.io:8080/p q?a=1&a=2&b').getQuery() == {'a': ['1', '2'], 'b': ['']} && !isURL('nope')",
  "url('http://[::1]:80/').getHostname() == '::1' && url('http://[::1]:80/').getPort() == '80' && url('/a b').getEscapedPath() == '/a%20b'",
  "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && !isIP('1.2.3') && !isIP('::ffff:1.2.3.4') && string(ip('::')) == '::'",
  "ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && ip('fe80::1').isLinkLocalUnicast()",
  "cidr('192.168.0.1/24').masked() == cidr('192.168.0.0/24') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.0.0.0/8').ip() == ip('10.0.0.0')",
  "!cidr('10.0.0.0/8').containsIP('11.0.0.1') && cidr('::/0').prefixLength() == 0 && isCIDR('1.2.3.4/32') && !isCIDR('1.2.3.4/33')",
  "format.dns1123Label().validate('a.b').hasValue() && !format.named('uuid').value().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
  "!format.named('nope').hasValue() && !format.dns1123LabelPrefix().validate('a-').hasValue()",
  "semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-rc.1').compareTo(semver('1.0.0')) == -1 && isSemver('v1.2', true) && !isSemver('1.2')",
];

test("expressions that hold", () => {
  const outcome = (source: string): unknown => {
    try {
      return evaluate(source);
    } catch (error) {
      return (error as Error).message;
    }
  };
  const wrong = TRUE.map((source) => [source, outcome(source)]).filter(([, result]) => result !== true);
  assert.deepEqual(wrong, []);
});

test("values as JSON", () => {
  const rows: [string, unknown][] = [
    ["9007199254740993", 9007199254740993n],
    ["self.when + duration('1s')", "2024-02-29T12:00:01Z"],
    ["duration('1.5s')", "1.5s"],
    ["b'hi'", "aGk="],
    ["{'__proto__': [1, 2], 'b': [3]}", JSON.parse('{"__proto__": [1, 2], "b": [3]}')],
    ["self.byName", SELF.byName],
    ["quantity('1500m')", "1500m"],
    ["optional.none()", undefined],
    ["optional.of('x')", "x"],
  ];
  for (const [source, expected] of rows) assert.deepEqual(evaluate(source), expected, source);
});

test("evaluations that fail", () => {
  const rows: [string, string][] = [
    ["any.gone", "no such key: gone"],
    ["self.labels['x']", "no such key: x"],
    ["numbers[3]", "index out of bounds: 3"],
    ["1 / 0", "division by zero"],
    ["1 % 0", "modulus by zero"],
    ["9223372036854775807 + 1", "integer overflow"],
    ["-9223372036854775807 - 2", "integer overflow"],
    ["0u - 1u", "unsigned integer overflow"],
    ["int(any.half * 1e30)", "integer overflow"],
    ["int(text)", "type conversion error from 'string' to 'int'"],
    ["any.text + 1", "no such overload"],
    ["any.text ? 1 : 2", "no such overload"],
    ["optional.none().value()", "optional.none() dereference"],
    ["[].max()", "max called on empty list"],
    ["quantity('x')", "quantities must match the regular expression"],
    ["text.matches('(' + text)", "error parsing regexp"],
    ["[1, 2].all(x, x / 0 > 1)", "division by zero"],
    ["timestamp(text)", "type conversion error from 'string' to 'google.protobuf.Timestamp'"],
    ["text.substring(3, 2)", "invalid substring range. start: 3, end: 2"],
  ];
  for (const [source, message] of rows) {
    assert.throws(
      () => evaluate(source),
      (error: Error) => error instanceof CelError && error.kind === "evaluation" && error.message.includes(message),
      source,
    );
  }
});

test("compile errors as cel-go lists them", () => {
  const rows: [string, string][] = [
    ["foo", "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo\n | ^"],
    ["self.nope.x", "ERROR: <input>:1:5: undefined field 'nope'\n | self.nope.x\n | ....^"],
    ["has(self.nope)", "ERROR: <input>:1:4: undefined field 'nope'"],
    ["self.count + 'a'", "ERROR: <input>:1:12: found no matching overload for '_+_' applied to '(int, string)'"],
    ["text.startsWith(1)", "found no matching overload for 'startsWith' applied to 'string.(int)'"],
    ["self.name.x", "ERROR: <input>:1:10: type 'string' does not support field selection"],
    ["1 == 1.0", "found no matching overload for '_==_' applied to '(int, double)'"],
    ["[1, 'a']", "ERROR: <input>:1:5: expected type 'int' but found 'string'"],
    ["1.all(x, x)", "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"],
    ["text && true", "ERROR: <input>:1:1: expected type 'bool' but found 'string'"],
    ["text.", "ERROR: <input>:1:6: Syntax error: no viable alternative at input '.'"],
    ["int('a')", "program instantiation failed: type conversion error from 'string' to 'int'"],
    [
      "'%d'.format(['a'])",
      "<input>:1:14: error during formatting: decimal clause can only be used on integers, was given string",
    ],
    ["'%s'.format([])", "<input>:1:12: index 0 out of range"],
    ["1 +", "ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!',"],
    ["1 2", "Syntax error: extraneous input '2' expecting <EOF>"],
    ["'a", "Syntax error: token recognition error at: ''a'"],
    ["for", "reserved identifier: for"],
    ["has(1)", "ERROR: <input>:1:5: invalid argument to has() macro"],
    ["[1].all(1, true)", "argument must be a simple name"],
    ["99999999999999999999", "invalid int literal"],
    ["text.matches('(?=a)')", "ERROR: <input>:1:14: invalid matches argument"],
    ["text.matches(r'(a)\\1')", "invalid matches argument"],
    ["duration('x')", "invalid duration argument"],
    ["Object{a: 1}", "ERROR: <input>:1:7: undeclared reference to 'Object' (in container '')"],
    ["cel.bind(a, 1, a) == 1", "undeclared reference to 'cel' (in container '')"],
    ["\n  foo\n  && true", "ERROR: <input>:2:3: undeclared reference to 'foo'"],
  ];
  for (const [source, message] of rows) {
    assert.throws(
      () => compileCel(source, VARIABLES),
      (error: Error) => error instanceof CelError && error.kind === "compile" && error.message.includes(message),
      source,
    );
  }
  assert.throws(
    () => compileCel("'a'", VARIABLES, { resultTypes: ["bool"] }),
    /^CelError: must evaluate to bool but got string$/,
  );
  assert.throws(
    () => compileCel("any", VARIABLES, { resultTypes: ["string", "null_type"] }),
    /must evaluate to one of \[string null_type\] but got dyn/,
  );
});

test("what is nested too deeply is refused, however it is nested", () => {
  const rows: [string, RegExp][] = [
    [`1${"+1".repeat(250)}`, /^$/],
    [`1${"+1".repeat(251)}`, /max recursion depth exceeded/],
    [`any${".a".repeat(100_000 / 2 - 2)}`, /max recursion depth exceeded/],
    [`${"(".repeat(250)}1${")".repeat(250)}`, /expression recursion limit exceeded: 250/],
    [`${"(".repeat(200)}1${"+1)".repeat(200)}${"+1".repeat(200)}`, /max recursion depth exceeded/],
    [`true${"&&true".repeat(10_000)}`, /^$/],
    [`${"[1].all(x,".repeat(240)}true${")".repeat(240)}`, /^$/],
    ["1".repeat(100_001), /expression code point size exceeds limit: size: 100001, limit 100000/],
  ];
  for (const [source, expected] of rows) {
    let message = "";
    try {
      compileCel(source, VARIABLES);
    } catch (error) {
      assert.ok(error instanceof CelError, String(error));
      message = error.message;
    }
    assert.match(message, expected, source.slice(0, 20));
  }
});

test("every issue is listed, in the order of the text", () => {
  assert.throws(
    () => compileCel("foo + self.nope", VARIABLES),
    (error: CelError) => {
      assert.deepEqual(error.issues, [
        { line: 1, column: 1, message: "undeclared reference to 'foo' (in container '')" },
        { line: 1, column: 11, message: "undefined field 'nope'" },
      ]);
      return true;
    },
  );
});

test("the cost of an evaluation", () => {
  const rows: [string, number][] = [
    ["1", 0],
    ["self", 1],
    ["self.count", 2],
    ["self.count == 3", 3],
    ["has(self.name)", 1],
    ["self.count == 3 ? self.name : text", 4],
    ["self.labels.all(k, self.labels[k] == 'web')", 10],
    ["numbers.map(x, x > 1, x)", 34],
    ["numbers.sort()", 30],
    ["lists.range(3)", 14],
    ["duration('1h') > duration('30m')", 1],
    ["any.?gone.orValue(1)", 1],
    ["optional.of({'a': 1}).a.value()", 4],
    ["true || self.count == 3", 0],
    // init, then per item: the condition (2), the accumulator (1) and the predicate (2); the result (1)
    ["numbers.all(x, x > 0)", 1 + 3 * (2 + 1 + 2) + 1],
    // per item: the accumulator, a list of one, an addition and the variable
    ["numbers.map(x, x)", 1 + 3 * (1 + 10 + 1 + 1) + 1],
    ["text.contains('world')", 1 + 2],
    ["text.matches('^h')", 1 + 2],
    ["text + text", 2 + 3],
    ["[self.count]", 12],
    ["{'a': self.count}", 32],
  ];
  for (const [source, cost] of rows) {
    const budget = { remaining: 1_000 };
    compileCel(source, VARIABLES).evaluate(BINDINGS, budget);
    assert.equal(1_000 - budget.remaining, cost, source);
  }
});

test("an evaluation that costs too much is ended", () => {
  const program = compileCel("any.all(x, any.all(y, any.all(z, true)))", VARIABLES);
  const any = Array.from({ length: 1_000 }, (_, index) => index);
  const budget = { remaining: 10_000_000 };
  assert.throws(
    () => program.evaluate({ ...BINDINGS, any }, budget),
    (error: CelError) => error.kind === "cost" && error.message === "operation cancelled: actual cost limit exceeded",
  );
  assert.ok(budget.remaining < 9_000_001 && budget.remaining > 8_900_000, `${budget.remaining}`);
  const small = { remaining: 3 };
  assert.throws(() => compileCel("self.count + self.count", VARIABLES).evaluate(BINDINGS, small), { kind: "cost" });
  assert.ok(small.remaining < 0);
});

test("static costs follow the bounds of the schema", () => {
  const rows: [string, number][] = [
    ["self.count > 1", 3],
    ["self.name == 'x'", 3],
    // 10 characters of up to 4 bytes, compared
    ["self.name == oldSelf.name", 4 + 4],
    ["self.name.startsWith(self.name)", 4 + 4],
    ["self.plain.all(x, x > 0)", 2 + 10 * (2 + 1 + 2) + 1],
    ["self.set.exists(x, x == 'abcd')", 2 + 5 * (3 + 1 + 2) + 1],
    ["self.plain.sort()", 213],
    ["sets.equivalent(self.set, self.set)", 55],
    ["'x' + string(self.count)", Infinity],
    ["text == text", Infinity],
    ["numbers.all(x, true)", Infinity],
  ];
  for (const [source, cost] of rows) assert.equal(compileCel(source, VARIABLES).estimatedCost, cost, source);
});

test("a regular expression takes time in proportion to the text", () => {
  const program = compileCel("text.matches('(a+)+$')", VARIABLES);
  assert.equal(program.evaluate({ ...BINDINGS, text: `${"a".repeat(20_000)}b` }, { remaining: 1_000_000 }), false);
});

test("an authorizer that answers later is asked each question once", async () => {
  const asked: unknown[] = [];
  const authorizer = {
    authorize: async (request: { verb: string }) => {
      asked.push(request);
      return { allowed: request.verb === "get", reason: "why not" };
    },
  };
  const variables: CelVariables = { authorizer: "authorizer", "authorizer.requestResource": "resourceCheck" };
  const program = compileCel(
    "authorizer.group('apps').resource('deployments').namespace('ns').check('get').allowed() && " +
      "!authorizer.requestResource.check('delete').allowed() && authorizer.path('/x').check('get').reason() == 'why not' && " +
      "authorizer.serviceAccount('ns', 'me').group('').resource('pods').check('get').allowed()",
    variables,
  );
  const requestResource = { authorizer, request: { group: "", resource: "pods" } };
  const budget = { remaining: 2_000_000 };
  const limited = program.evaluateAsync({ authorizer, "authorizer.requestResource": requestResource }, budget);
  // Two checks are what one evaluation may cost.
  await assert.rejects(async () => limited, { kind: "cost" });
  const cheap = compileCel(program.source, variables, { perCallLimit: 2_000_000 });
  asked.length = 0;
  const result = await cheap.evaluateAsync(
    { authorizer, "authorizer.requestResource": requestResource },
    { remaining: 2e6 },
  );
  assert.equal(result, true);
  assert.equal(asked.length, 4);
  assert.deepEqual(asked[3], {
    serviceAccount: { namespace: "ns", name: "me" },
    group: "",
    resource: "pods",
    version: "*",
    verb: "get",
  });
});

test("a result becomes a variable of another program as it is", async () => {
  const first = compileCel("self.when + duration('1h')", VARIABLES);
  const second = compileCel("variables.later - self.when == duration('1h')", {
    self: { schema },
    variables: { object: "variables", fields: { later: first.result } },
  });
  const later = await first.evaluateToValue(BINDINGS, { remaining: 1_000 });
  assert.equal(second.evaluate({ self: SELF, variables: { later } }, { remaining: 1_000 }), true);
});

test("what mutations make", () => {
  const mutation = (source: string): unknown =>
    compileCel(source, VARIABLES, { mutation: true }).evaluate(BINDINGS, { remaining: 100_000 });
  assert.deepEqual(mutation("Object{metadata: Object.metadata{labels: {'a': 'b'}}, ?spec: optional.none()}"), {
    metadata: { labels: { a: "b" } },
  });
  assert.deepEqual(mutation("[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/y~'), value: [1]}]"), [
    { op: "add", path: "/a/x~1y~0", value: [1] },
  ]);
  assert.throws(
    () => mutation("JSONPatch{op: 1}"),
    /expected type of field 'op' is 'string' but provided type is 'int'/,
  );
});
