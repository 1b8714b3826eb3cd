import { unauthorized } from "../../api/status-error.ts";
import type { Clock } from "../../base/clock.ts";
import { ANONYMOUS, authenticated } from "../authentication/union.ts";
import type { Authenticator } from "../authentication.ts";
import type { Filter, RequestContext } from "./context.ts";
import { type DecisionObserver, NOBODY } from "./observer.ts";

/** Finds out who makes the request; what nobody vouches for is a 401. */
export function authentication(authenticator: Authenticator, clock: Clock, observe: DecisionObserver = NOBODY): Filter {
  const identify = async (context: RequestContext): Promise<void> => {
    const { request } = context;
    const started = clock.monotonic();
    try {
      const user = await authenticator.authenticate(request);
      // A certificate that was shown but can't be trusted does not make its owner anonymous.
      if (!user || (user.name === ANONYMOUS.name && request.certificateError !== undefined)) throw unauthorized();
      context.user = user;
    } catch (error) {
      observe(context, (clock.monotonic() - started) / 1000, error);
      throw error;
    }
    observe(context, (clock.monotonic() - started) / 1000);
  };
  return (context, next) => {
    const { identity } = context.request;
    if (!identity) return identify(context).then(() => next(context));
    context.user = authenticated(identity);
    observe(context, 0);
    return next(context);
  };
}
