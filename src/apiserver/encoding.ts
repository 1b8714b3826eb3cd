import { PROTOBUF } from "../api/codec/decode.ts";
import type { ProtobufEncoder } from "../api/codec/protobuf/protobuf.ts";
import { acceptedTypes, covers, type MediaRange, noneAcceptable, wantsPretty } from "./http/accept.ts";
import { type ApiRequest, headerValues } from "./http/exchange.ts";

/** The form of an answer, as content negotiation chose it. */
export interface Encoding {
  readonly format: Format;
  readonly shape: Shape;
  /** Of Table and PartialObjectMetadata. */
  readonly metaVersion: "v1" | "v1beta1";
  readonly pretty: boolean;
  /** Set where `format` is "yaml". */
  readonly yaml?: (value: object) => Uint8Array;
  /** Set where `format` is "protobuf". */
  readonly protobuf?: ProtobufEncoder;
}
export type Format = "json" | "yaml" | "protobuf";
export type Shape = "object" | "table" | "partial";

export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: PROTOBUF,
};
const FORMATS = Object.keys(MEDIA_TYPES) as Format[];
const STREAM_FORMATS: readonly Format[] = ["json", "protobuf"];

const SHAPES: Readonly<Record<string, Shape>> = {
  Table: "table",
  PartialObjectMetadata: "partial",
  PartialObjectMetadataList: "partial",
};

/** What an answer can be. Equal offers should be the same object: what is chosen is remembered by it. */
export interface Offer {
  /** Whether the objects have a protobuf form. */
  readonly protobuf: boolean;
  /** What `as=` may ask for: `Table` and so on. */
  readonly as: readonly string[];
  /** A watch: its content type says so. */
  readonly stream?: boolean;
}

/** What was chosen for a text of the Accept header: clients send a handful of them, again and again. */
const chosen = new WeakMap<Offer, Map<string, Encoding>>();
/** Of each offer. */
const REMEMBERED = 256;
const prettyForms = new WeakMap<Encoding, Encoding>();

/** Chooses the form of the answer from the Accept header. Throws a 406. Equal choices are the same object. */
export function negotiate(request: ApiRequest, offer: Offer): Encoding {
  const accept = headerValues(request, "accept").join(",");
  let known = chosen.get(offer);
  if (!known) {
    known = new Map();
    chosen.set(offer, known);
  }
  let encoding = known.get(accept);
  if (!encoding) {
    encoding = choose(request, offer);
    if (known.size >= REMEMBERED) known.clear();
    known.set(accept, encoding);
  }
  if (encoding.format !== "json" || offer.stream || !wantsPretty(request)) return encoding;
  let pretty = prettyForms.get(encoding);
  if (!pretty) {
    pretty = { ...encoding, pretty: true };
    prettyForms.set(encoding, pretty);
  }
  return pretty;
}

function choose(request: ApiRequest, offer: Offer): Encoding {
  const formats = offer.stream ? STREAM_FORMATS : FORMATS;
  for (const range of acceptedTypes(request)) {
    for (const format of formats) {
      if (!covers(range, MEDIA_TYPES[format])) continue;
      const shape = shapeOf(range, offer);
      if (!shape || (format === "protobuf" && !hasMessage(shape, offer))) continue;
      const metaVersion = range.parameters["v"] === "v1beta1" ? "v1beta1" : "v1";
      return { format, shape, metaVersion, pretty: false };
    }
  }
  throw noneAcceptable(FORMATS.map((format) => MEDIA_TYPES[format]));
}

/** Tables exist in JSON and YAML only; metadata has a message whatever it is of. */
const hasMessage = (shape: Shape, offer: Offer) => shape === "partial" || (shape === "object" && offer.protobuf);

/** The shape that a range asks for; undefined where it asks for what there isn't. */
function shapeOf({ parameters }: MediaRange, offer: Offer): Shape | undefined {
  const { as, g: group, v: version } = parameters;
  if (as === undefined) return "object";
  if (!offer.as.includes(as) || group !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1"))
    return undefined;
  return SHAPES[as];
}

/** The Content-Type of an answer in this form. */
export function contentType({ format }: Encoding, stream = false): string {
  return stream && format !== "json" ? `${MEDIA_TYPES[format]};stream=watch` : MEDIA_TYPES[format];
}
