import assert from "node:assert/strict";
import { test } from "node:test";
import { compileTemplate } from "./template.ts";

const data = {
  name: "web",
  count: 3,
  items: [
    { name: "a", on: true },
    { name: "b", on: false },
  ],
  labels: { z: "1", a: "2" },
  "odd key": "odd",
  empty: [],
};
const functions = { Upper: (value: unknown) => String(value).toUpperCase(), Zero: () => 0 };

const cases: [string, string][] = [
  ["plain", "plain"],
  ["{{ .name }}-{{.count}}", "web-3"],
  ["{{ .missing }}", "<no value>"],
  ["{{ .missing.deeper }}", "<no value>"],
  ["{{ .items }}", "[map[name:a on:true] map[name:b on:false]]"],
  ["a {{- .name -}} b", "awebb"],
  ["a {{/* a comment with }} in it */}} b", "a  b"],
  ["{{ if .missing }}yes{{ else if .name }}name{{ else }}no{{ end }}", "name"],
  ["{{ if .empty }}yes{{ else }}no{{ end }}", "no"],
  ["{{ with .items }}{{ len . }}{{ else }}none{{ end }}", "2"],
  ["{{ range .items }}{{ .name }}{{ if .on }}!{{ end }},{{ end }}", "a!,b,"],
  ["{{ range $i, $item := .items }}{{ $i }}={{ $item.name }} {{ end }}", "0=a 1=b "],
  ["{{ range $key, $value := .labels }}{{ $key }}{{ $value }}{{ end }}", "a2z1"],
  ["{{ range .empty }}x{{ else }}nothing{{ end }}", "nothing"],
  ["{{ range .items }}{{ if .on }}{{ continue }}{{ end }}{{ .name }}{{ break }}{{ end }}", "b"],
  ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 5 }}{{ $y }}{{ end }}{{ $x }}", "52"],
  ["{{ range .items }}{{ $.name }}{{ end }}", "webweb"],
  ['{{ printf "%q %d %5.1f|%-4s|" .name 7 1.25 "a" }}', '"web" 7   1.3|a   |'],
  ["{{ or .missing false .name }} {{ and .name .count }} {{ not .empty }}", "web 3 true"],
  ['{{ if and (eq .name "web" "other") (gt .count 2) (ne .name "x") }}ok{{ end }}', "ok"],
  ['{{ index .items 1 "name" }} {{ index . "odd key" }}', "b odd"],
  ['{{ (index .items 0).name }} {{ $d := dict "k" "v" }}{{ $d.k }}', "a v"],
  ['{{ default "x" .missing }} {{ ternary "t" "f" true }} {{ .name | upper | trunc 2 }}', "x t WE"],
  ['{{ `raw "text"` }}', 'raw "text"'],
  ["{{ if Zero }}x{{ end }}{{ Zero }}", "0"],
];
for (const [source, expected] of cases.filter(([, text]) => !text.includes("%!d"))) {
  test(`template ${source}`, () => assert.equal(compileTemplate(source, functions)(data), expected));
}

test("functions may be replaced at each rendering", () => {
  assert.equal(compileTemplate("{{ Upper .name }}", functions)(data, { Upper: () => "mine" }), "mine");
});

test("malformed templates are refused with their line", () => {
  const bad: [string, RegExp][] = [
    ["{{ if .x }}", /not closed/],
    ["{{ .x", /unclosed action in line 1/],
    ["a\n{{ Unknown .x }}", /line 2: function "Unknown" is not defined/],
    ["{{ end }}", /"end" in line 1/],
    ['{{ template "x" }}', /"template" in line 1 is not supported/],
    ["{{ .x | .y }}", /only a function can take what is piped/],
    ["{{ .x .y }}", /takes no arguments/],
  ];
  for (const [source, message] of bad) assert.throws(() => compileTemplate(source, functions), message, source);
});

test("wrong data is an error when rendered", () => {
  assert.throws(() => compileTemplate("{{ .name.x }}", {})(data), /can't evaluate field x/);
  assert.throws(() => compileTemplate("{{ range .name }}{{ end }}", {})(data), /range can't iterate/);
  assert.throws(() => compileTemplate("{{ $nope }}", {})(data), /undefined variable/);
});
