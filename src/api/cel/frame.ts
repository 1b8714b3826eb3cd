import type { Fault, Value } from "./values.ts";

/** The limit was passed; nothing in the expression can catch it. */
export class CostExceeded {}

/** One evaluation. */
export class Frame {
  cost = 0;
  readonly #limit: number;
  readonly bindings: Readonly<Record<string, unknown>>;
  /** Values of the variables of loops, and of what was bound so far. */
  readonly locals: (Value | Fault | undefined)[];

  constructor(bindings: Readonly<Record<string, unknown>>, limit: number, slots: number) {
    this.bindings = bindings;
    this.#limit = limit;
    this.locals = new Array(slots);
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new CostExceeded();
  }
}

/** A part of an expression, ready to be evaluated. */
export type Step = (frame: Frame) => Value;
