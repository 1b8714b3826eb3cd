/** The bounds and names of the five fields of a cron schedule. */
const FIELDS: readonly { min: number; max: number; names: readonly string[] }[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  {
    min: 1,
    max: 12,
    names: ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
  },
  { min: 0, max: 6, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] },
];
const DESCRIPTORS = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const EVERY = /^@every ([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$/;

/** What is wrong with a cron schedule of five fields or a descriptor such as `@daily`; undefined: nothing. */
export function cronProblem(schedule: string): string | undefined {
  let text = schedule;
  const zone = /^(?:CRON_)?TZ=(\S*)\s*/.exec(text);
  if (zone) {
    if (timeZoneProblem(zone[1]!)) return `provided bad location ${zone[1]}: unknown time zone ${zone[1]}`;
    text = text.slice(zone[0].length);
  }
  if (text === "") return "empty spec string";
  if (text.startsWith("@")) {
    if (DESCRIPTORS.includes(text) || EVERY.test(text)) return undefined;
    if (text.startsWith("@every "))
      return `failed to parse duration ${text}: time: invalid duration "${text.slice(7)}"`;
    return `unrecognized descriptor: ${text}`;
  }
  const fields = text.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(" ")}]`;
  }
  for (const [index, field] of fields.entries()) {
    for (const expression of field.split(",").filter((part) => part !== "")) {
      const problem = rangeProblem(expression, FIELDS[index]!);
      if (problem) return problem;
    }
  }
  return undefined;
}

/** One of `*`, `?`, `3`, `1-5`, each with `/step` or without. */
function rangeProblem(expression: string, field: (typeof FIELDS)[number]): string | undefined {
  const [range = "", stepText, ...more] = expression.split("/");
  if (more.length > 0) return `too many slashes: ${expression}`;
  const [low = "", high, ...rest] = range.split("-");
  let start = field.min;
  let end = field.max;
  if (low !== "*" && low !== "?") {
    if (rest.length > 0) return `too many hyphens: ${expression}`;
    const first = readNumber(low, field.names);
    if (typeof first === "string") return first;
    const last = high === undefined ? (stepText === undefined ? first : field.max) : readNumber(high, field.names);
    if (typeof last === "string") return last;
    start = first;
    end = last;
  }
  if (stepText !== undefined) {
    const step = readNumber(stepText, []);
    if (typeof step === "string") return step;
    if (step === 0) return `step of range should be a positive number: ${expression}`;
  }
  if (start < field.min) return `beginning of range (${start}) below minimum (${field.min}): ${expression}`;
  if (end > field.max) return `end of range (${end}) above maximum (${field.max}): ${expression}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${expression}`;
  return undefined;
}

/** The number, or what is wrong with it. */
function readNumber(text: string, names: readonly string[]): number | string {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0 && text !== "") return named;
  if (/^[+-]?[0-9]+$/.test(text)) {
    const value = Number(text);
    return value < 0 ? `negative number (${value}) not allowed: ${text}` : value;
  }
  return `failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`;
}

/** What is wrong with the name of a time zone; undefined: nothing. */
export function timeZoneProblem(name: string): string | undefined {
  if (name === "") return "timeZone must be nil or non-empty string";
  if (name.toLowerCase() === "local") {
    return "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
  }
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return undefined;
  } catch {
    return `unknown time zone ${name}`;
  }
}
