import type { Clock } from "../base/clock.ts";

/** An occurrence, reduced to what makes events alike. */
export interface EventIdentity {
  /** Who says it, and about which object. */
  readonly subject: string;
  /** Type, reason and reporting instance. */
  readonly similarity: string;
  readonly message: string;
}

export interface Correlation {
  /** Occurrences with the same key are counted on one Event object. */
  readonly key: string;
  readonly message: string;
}

/** Upstream's limits (client-go, tools/record). */
const SIMILAR_MAX = 10;
const SIMILAR_WINDOW_MS = 600_000;
const SPAM_BURST = 25;
const SPAM_MS_PER_TOKEN = 300_000;
const REMEMBERED = 4096;
const AGGREGATED_PREFIX = "(combined from similar events): ";

/**
 * Decides which Event an occurrence is counted on: its own, or, after ten different messages of the same kind within ten
 * minutes, a combined one. Undefined where the source has said too much about the object: 25 at once, then one in 5 min.
 */
export function eventCorrelator(clock: Clock): (identity: EventIdentity) => Correlation | undefined {
  const similar = recentlyUsed<{ messages: Set<string>; lastAt: number }>(REMEMBERED);
  const spam = recentlyUsed<{ tokens: number; at: number }>(REMEMBERED);

  const withinLimit = (subject: string, now: number): boolean => {
    const bucket = spam.get(subject) ?? { tokens: SPAM_BURST, at: now };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (now - bucket.at) / SPAM_MS_PER_TOKEN);
    bucket.at = now;
    const allowed = bucket.tokens >= 1;
    if (allowed) bucket.tokens -= 1;
    spam.set(subject, bucket);
    return allowed;
  };

  return ({ subject, similarity, message }) => {
    const now = clock.monotonic();
    const group = `${subject}\n${similarity}`;
    let entry = similar.get(group);
    if (!entry || now - entry.lastAt > SIMILAR_WINDOW_MS) entry = { messages: new Set(), lastAt: now };
    entry.messages.add(message);
    entry.lastAt = now;
    similar.set(group, entry);
    let correlation: Correlation = { key: `${group}\n${message}`, message };
    if (entry.messages.size >= SIMILAR_MAX) {
      // Enough are remembered to know that the limit is reached.
      entry.messages.delete(entry.messages.values().next().value!);
      correlation = { key: group, message: AGGREGATED_PREFIX + message };
    }
    return withinLimit(subject, now) ? correlation : undefined;
  };
}

/** A map that forgets the entries least recently used beyond `capacity`. */
export function recentlyUsed<V>(capacity: number): {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
} {
  const entries = new Map<string, V>();
  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) {
        entries.delete(key);
        entries.set(key, value);
      }
      return value;
    },
    set(key, value) {
      entries.delete(key);
      entries.set(key, value);
      if (entries.size > capacity) entries.delete(entries.keys().next().value!);
    },
    delete: (key) => void entries.delete(key),
  };
}
