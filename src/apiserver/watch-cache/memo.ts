/** Something that remembers what it could make again. */
export interface Forgetful {
  forget(): void;
}

/**
 * Bounds the memory spent on decoded objects and encoded forms, all caches of a server together: what was remembered
 * first is forgotten first. First-in-first-out needs no bookkeeping on reads; what is in steady use is made anew once
 * in a while, for some microseconds.
 */
export class MemoBudget {
  private readonly limit: number;
  private queue: { owner: Forgetful; bytes: number }[] = [];
  private head = 0;
  private spent = 0;

  constructor(limitBytes: number) {
    this.limit = limitBytes;
  }

  /** Notes that `owner` remembers about `bytes` more; others, and at the end `owner` itself, are told to forget. */
  remember(owner: Forgetful, bytes: number): void {
    this.queue.push({ owner, bytes });
    this.spent += bytes;
    while (this.spent > this.limit && this.head < this.queue.length - 1) {
      const oldest = this.queue[this.head++]!;
      this.spent -= oldest.bytes;
      if (oldest.owner !== owner) oldest.owner.forget();
    }
    if (this.head > 1024 && this.head * 2 > this.queue.length) {
      this.queue = this.queue.slice(this.head);
      this.head = 0;
    }
  }

  /** About how many bytes are remembered. */
  get bytes(): number {
    return this.spent;
  }
}
