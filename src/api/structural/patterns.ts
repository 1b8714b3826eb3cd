/**
 * Regular expressions as Go understands them (RE2), which take time in proportion to the text, whatever the pattern. The
 * library is loaded when the first pattern needs it: call `loadPatterns` before.
 */
import type { RE2JS } from "re2js";

let library: typeof RE2JS | undefined;
const compiled = new Map<string, Pattern>();
/** Compiled patterns that are kept; past this, all begin anew. */
const MOST_PATTERNS = 2_000;

export interface Pattern {
  /** Whether the pattern is found anywhere in the text. */
  matches(text: string): boolean;
}

/** A text that is no pattern; the message is close to Go's. */
export class PatternError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PatternError";
  }
}

export async function loadPatterns(): Promise<void> {
  library ??= (await import("re2js")).RE2JS;
}

export const patternsLoaded = (): boolean => library !== undefined;

/** Throws PatternError. */
export function compilePattern(source: string): Pattern {
  const known = compiled.get(source);
  if (known) return known;
  if (!library) throw new Error("the library of patterns has not been loaded");
  let made: Pattern;
  try {
    const pattern = library.compile(source);
    made = { matches: (text) => pattern.matcher(text).find() };
  } catch (error) {
    throw new PatternError((error as Error).message);
  }
  if (compiled.size >= MOST_PATTERNS) compiled.clear();
  compiled.set(source, made);
  return made;
}
