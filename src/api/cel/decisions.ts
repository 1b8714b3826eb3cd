import type { CelAuthorizationRequest, CelAuthorizer, CelDecision, CelResourceCheck } from "./cel.ts";

/** Decisions by the questions. */
export type Decisions = Map<string, CelDecision>;

/** An authorizer that is asked each question once: give it to all expressions of one request. */
export const rememberDecisions = (authorizer: CelAuthorizer): CelAuthorizer => remembering(new Map(), authorizer);

/** What was bound to a variable, with its authorizer asked each question once; `decisions` has the answers that came. */
export function rememberIn(decisions: Decisions, bound: unknown): unknown {
  if (bound == null) return bound;
  if (!("request" in (bound as object))) return remembering(decisions, bound as CelAuthorizer);
  const check = bound as CelResourceCheck;
  return { ...check, authorizer: remembering(decisions, check.authorizer) };
}

function remembering(decisions: Decisions, authorizer: CelAuthorizer): CelAuthorizer {
  const keep = (key: string, decision: CelDecision): CelDecision => {
    decisions.set(key, decision);
    return decision;
  };
  return {
    authorize(request: CelAuthorizationRequest) {
      const key = JSON.stringify(request);
      const known = decisions.get(key);
      if (known) return known;
      const answer = authorizer.authorize(request);
      return answer instanceof Promise ? answer.then((decision) => keep(key, decision)) : keep(key, answer);
    },
  };
}
