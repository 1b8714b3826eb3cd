import { unauthorized } from "../../api/status-error.ts";
import { ANONYMOUS, authenticated } from "../authentication/union.ts";
import type { Authenticator } from "../authentication.ts";
import type { Filter } from "./context.ts";

/** Finds out who makes the request; what nobody vouches for is a 401. */
export function authentication(authenticator: Authenticator): Filter {
  return async (context, next) => {
    const { request } = context;
    if (request.identity) {
      context.user = authenticated(request.identity);
      return next(context);
    }
    const user = await authenticator.authenticate(request);
    // A certificate that was shown but can't be trusted does not make its owner anonymous.
    if (!user || (user.name === ANONYMOUS.name && request.certificateError !== undefined)) throw unauthorized();
    context.user = user;
    return next(context);
  };
}
