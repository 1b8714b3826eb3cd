import type { RequestContext } from "./context.ts";

/** Is told of each decision about a request: how long it took, and the error where it was refused. */
export type DecisionObserver = (context: RequestContext, seconds: number, error?: unknown) => void;

export const NOBODY: DecisionObserver = () => {};
