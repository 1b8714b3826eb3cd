/** The attributes that hold a URL, by tag: those of HTML 4 and 5 whose target a browser fetches or goes to. */
const URL_ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};
/** Elements whose content is text, whatever it looks like. */
const TEXT_ELEMENTS = new Set(["script", "style", "textarea", "title", "xmp", "noframes"]);
/** A tag or comment longer than this is passed on unread, so that no page can make the server hold it all. */
const HELD_AT_MOST = 64 * 1024;

const TAG = /^<([a-z][^\s/>]*)((?:"[^"]*"|'[^']*'|[^"'>])*)>/i;
const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

export interface LinkRewriter {
  /** Takes the next piece of the page, and gives what can be passed on. */
  push(text: string): string;
  /** What is left when the page ends. */
  end(): string;
}

/**
 * Replaces the URLs in the tags of a page, piece by piece; everything else stays as it is, to the byte. Pages may be given
 * as Latin-1 whatever their encoding, as long as that contains ASCII.
 */
export function linkRewriter(replace: (url: string) => string): LinkRewriter {
  let held = "";
  /** The element whose text is being passed on. */
  let textOf: string | undefined;

  const take = (last: boolean): string => {
    let out = "";
    for (;;) {
      if (textOf !== undefined) {
        const close = held.toLowerCase().indexOf(`</${textOf}`);
        // The end tag may have come in part.
        const length = close >= 0 ? close : last ? held.length : Math.max(0, held.length - textOf.length - 1);
        out += held.slice(0, length);
        held = held.slice(length);
        if (close < 0) return out;
        textOf = undefined;
      }
      const open = held.indexOf("<");
      const before = open < 0 ? held.length : open;
      out += held.slice(0, before);
      held = held.slice(before);
      if (held === "") return out;
      const length = markupLength(held);
      if (length === undefined) {
        if (!last && held.length < HELD_AT_MOST) return out;
        out += held;
        held = "";
        return out;
      }
      const tag = TAG.exec(held.slice(0, length));
      out += tag ? rewriteTag(tag, replace) : held.slice(0, length);
      held = held.slice(length);
      const name = tag?.[1]?.toLowerCase();
      if (name !== undefined && TEXT_ELEMENTS.has(name)) textOf = name;
    }
  };
  return {
    push(text) {
      held += text;
      return take(false);
    },
    end: () => take(true),
  };
}

/** How long the markup is that `text` begins with, which begins with `<`. Undefined where its end has not come yet. */
function markupLength(text: string): number | undefined {
  if (text.length < 4 && "<!--".startsWith(text)) return undefined;
  if (text.startsWith("<!--")) {
    const end = text.indexOf("-->", 4);
    return end < 0 ? undefined : end + 3;
  }
  if (!/^<[a-z]/i.test(text)) return 1;
  return TAG.exec(text)?.[0].length;
}

function rewriteTag([whole, name = "", attributes = ""]: RegExpExecArray, replace: (url: string) => string): string {
  const wanted = URL_ATTRIBUTES[name.toLowerCase()];
  if (!wanted) return whole;
  const rewritten = attributes.replace(ATTRIBUTE, (attribute, key: string, equals: string, value: string) => {
    if (!wanted.includes(key.toLowerCase())) return attribute;
    const quote = value[0] === '"' || value[0] === "'" ? value[0] : "";
    const url = quote ? value.slice(1, -1) : value;
    return `${key}${equals}${quote}${replace(url)}${quote}`;
  });
  return `<${name}${rewritten}>`;
}
