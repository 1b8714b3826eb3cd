/**
 * A queue of keys to work on, as client-go's:
 *
 * - A key waiting in the queue is there once, however often it was added.
 * - A key is never handed to two workers at once: added while it is being worked on, it comes back after `done`.
 * - `addRateLimited` waits longer after each failure of the same key, until `forget`.
 */
export interface WorkQueue<K = string> {
  add(key: K): void;
  addAfter(key: K, delayMs: number): void;
  addRateLimited(key: K): void;
  /** Clears the key's failures; call it after success. */
  forget(key: K): void;
  /** How often the key was added with a rate limit since it was last forgotten. */
  failures(key: K): number;
  /** The next key, or undefined once the queue is shut down and drained. Call `done` when finished with it. */
  get(): Promise<K | undefined>;
  done(key: K): void;
  readonly length: number;
  /** Takes no more keys; waiting `get` calls end once the queue is empty. */
  shutDown(): void;
}
