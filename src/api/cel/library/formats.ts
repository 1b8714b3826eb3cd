import {
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelValue,
  checkQualifiedName,
  checkServiceName,
} from "../../names.ts";
import { stringCheck } from "../../structural/formats.ts";
import { LIBRARY_TYPES, type Library } from "../functions.ts";
import { LibraryValue, ListValue, Optional } from "../values.ts";

type Check = (text: string) => readonly string[];

export class FormatValue extends LibraryValue {
  readonly typeName = LIBRARY_TYPES.format!.name;
  readonly name: string;
  readonly check: Check;
  /** The length of a regular expression that would do the same, for the cost. */
  readonly regexSize: number;
  constructor(name: string, regexSize: number, check: Check) {
    super();
    this.name = name;
    this.regexSize = regexSize;
    this.check = check;
  }
  override equals(other: LibraryValue): boolean {
    return other instanceof FormatValue && this.name === other.name;
  }
}

/** A name that may go on after a dash or a dot, such as a generateName. */
const prefix =
  (check: Check): Check =>
  (text) =>
    check(text.endsWith("-") && text.length > 1 ? `${text.slice(0, -2)}a` : text);
const string =
  (format: string, message: string): Check =>
  (text) =>
    stringCheck(format)!(text) ? [] : [message];

const FORMATS: Readonly<Record<string, FormatValue>> = {
  dns1123Label: new FormatValue("DNS1123Label", 30, checkDnsLabel),
  dns1123Subdomain: new FormatValue("DNS1123Subdomain", 60, checkDnsSubdomain),
  dns1035Label: new FormatValue("DNS1035Label", 30, checkServiceName),
  qualifiedName: new FormatValue("QualifiedName", 60, checkQualifiedName),
  dns1123LabelPrefix: new FormatValue("DNS1123LabelPrefix", 30, prefix(checkDnsLabel)),
  dns1123SubdomainPrefix: new FormatValue("DNS1123SubdomainPrefix", 60, prefix(checkDnsSubdomain)),
  dns1035LabelPrefix: new FormatValue("DNS1035LabelPrefix", 30, prefix(checkServiceName)),
  labelValue: new FormatValue("LabelValue", 40, checkLabelValue),
  uri: new FormatValue("URI", 1103, (text) =>
    stringCheck("uri")!(text) ? [] : [`parse ${JSON.stringify(text)}: invalid URI for request`],
  ),
  uuid: new FormatValue("uuid", 70, string("uuid", "does not match the UUID format")),
  byte: new FormatValue("byte", 84, string("byte", "invalid base64")),
  date: new FormatValue("date", 71, string("date", "invalid date")),
  datetime: new FormatValue("datetime", 71, string("datetime", "invalid datetime")),
};

/** Kubernetes' named formats. */
export const formats: Library = {
  "format.named(string): optional(format)": (name: string) =>
    Object.hasOwn(FORMATS, name) ? new Optional(FORMATS[name]!) : Optional.none,
  ...Object.fromEntries(Object.entries(FORMATS).map(([name, format]) => [`format.${name}(): format`, () => format])),
  "format -> validate(string): optional(list(string))": (format: FormatValue, text: string) => {
    const problems = format.check(text);
    return problems.length === 0 ? Optional.none : new Optional(new ListValue(problems));
  },
};
