/**
 * Whether a recorded history of concurrent operations on a key could have come from one register that does them one at a
 * time, each at some instant between its call and its return (Herlihy and Wing). The search is Wing and Gong's, with
 * Lowe's memory of what was tried: at each step one of the operations that nothing forces to wait goes next; where the
 * register would have answered otherwise, another one is tried.
 */

export interface Operation {
  /** Instants of any clock; what did not return (nobody knows whether it happened) has none. */
  readonly called: number;
  readonly returned: number | undefined;
  readonly input: Input;
  /** Absent where it did not return. */
  readonly output?: Output;
}

/** A value is written at most once, so that it tells by whom. `expected` 0: there must be none; `value` null deletes. */
export type Input =
  | { readonly kind: "get" }
  | { readonly kind: "swap"; readonly expected: number; readonly value: string | null };

/** What was there: a value with the revision that wrote it; revision 0 for nothing. */
export interface Seen {
  readonly revision: number;
  readonly value: string | null;
}
export type Output =
  | ({ readonly kind: "get" } & Seen)
  | { readonly kind: "swapped"; readonly revision: number }
  | ({ readonly kind: "refused" } & Seen);

/** The register. Its revision is not known (undefined) after a write that did not return, until somebody sees it. */
interface State {
  readonly revision: number | undefined;
  readonly value: string | null;
}
const EMPTY: State = { revision: 0, value: null };

/** The state after an operation; undefined where the register would not have answered so. */
function step(state: State, { input, output }: Operation): State | undefined {
  if (output?.kind === "get" || output?.kind === "refused") {
    if (output.value !== state.value) return undefined;
    if (state.revision !== undefined && state.revision !== output.revision) return undefined;
    if (output.kind === "refused" && input.kind === "swap" && input.expected === output.revision) return undefined;
    return { revision: output.revision, value: output.value };
  }
  if (input.kind === "get") return state;
  const matches = state.revision === undefined ? input.expected > 0 : state.revision === input.expected;
  if (output === undefined) {
    if (!matches) return state;
    return input.value === null ? EMPTY : { revision: undefined, value: input.value };
  }
  if (!matches) return undefined;
  return input.value === null ? EMPTY : { revision: output.revision, value: input.value };
}

interface Node {
  readonly index: number;
  readonly isCall: boolean;
  previous: Node | undefined;
  next: Node | undefined;
  /** Of a call: its return, where there is one. */
  match?: Node;
}

export function isLinearizable(history: readonly Operation[]): boolean {
  const head = timeline(history);
  const done = new Uint8Array(history.length);
  let open = history.filter(({ returned }) => returned !== undefined).length;
  let state = EMPTY;
  const tried = new Set<string>();
  const path: { node: Node; state: State }[] = [];
  let at = head.next;
  while (open > 0) {
    if (at?.isCall) {
      const next = step(state, history[at.index]!);
      const key = next && remember(done, at.index, next);
      if (next && key && !tried.has(key)) {
        tried.add(key);
        path.push({ node: at, state });
        state = next;
        done[at.index] = 1;
        if (at.match) open--;
        lift(at);
        at = head.next;
      } else at = at.next;
      continue;
    }
    // Something returned that could not have happened yet: take the last step back.
    const last = path.pop();
    if (!last) return false;
    state = last.state;
    done[last.node.index] = 0;
    if (last.node.match) open++;
    unlift(last.node);
    at = last.node.next;
  }
  return true;
}

function remember(done: Uint8Array, index: number, { revision, value }: State): string {
  let bits = "";
  for (let at = 0; at < done.length; at += 16) {
    let word = 0;
    for (let bit = 0; bit < 16; bit++) if (done[at + bit] || at + bit === index) word |= 1 << bit;
    bits += String.fromCharCode(word);
  }
  return `${bits}/${revision}/${value}`;
}

function timeline(history: readonly Operation[]): Node {
  const events = history.flatMap(({ called, returned }, index) => [
    { at: called, index, isCall: true },
    ...(returned === undefined ? [] : [{ at: returned, index, isCall: false }]),
  ]);
  // At the same instant calls come first: that allows more orders, never fewer.
  events.sort((a, b) => a.at - b.at || Number(b.isCall) - Number(a.isCall));
  const head: Node = { index: -1, isCall: true, previous: undefined, next: undefined };
  const calls = new Map<number, Node>();
  let last = head;
  for (const { index, isCall } of events) {
    const node: Node = { index, isCall, previous: last, next: undefined };
    last.next = node;
    last = node;
    if (isCall) calls.set(index, node);
    else calls.get(index)!.match = node;
  }
  return head;
}

function lift(call: Node): void {
  for (const node of call.match ? [call, call.match] : [call]) {
    node.previous!.next = node.next;
    if (node.next) node.next.previous = node.previous;
  }
}

function unlift(call: Node): void {
  for (const node of call.match ? [call.match, call] : [call]) {
    node.previous!.next = node;
    if (node.next) node.next.previous = node;
  }
}
