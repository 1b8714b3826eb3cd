/** RE2's regular expressions: no look-around, no back-references, time linear in the text. */
import { RE2JS } from "re2js";
import { Fault } from "./values.ts";

/** Compiled patterns; those of rules are few, those made by expressions must not pile up. */
const MAX_CACHED = 256;
const cache = new Map<string, RE2JS>();

/** Throws a Fault with Go's message where the pattern is none. */
export function regex(pattern: string): RE2JS {
  let compiled = cache.get(pattern);
  if (compiled) return compiled;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    throw new Fault(error instanceof Error ? error.message : String(error));
  }
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(pattern, compiled);
  return compiled;
}

/** Whether the pattern is found anywhere in the text. */
export const matches = (text: string, pattern: string): boolean => regex(pattern).test(text);
