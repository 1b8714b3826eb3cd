import { resourceExpired, StatusError, timeout } from "../../api/status-error.ts";
import { encodeContinue } from "./continue-token.ts";

/** A watch asks for changes that are not kept any more. */
export const tooOldToWatch = (asked: number, oldest: number) =>
  resourceExpired(`too old resource version: ${asked} (${oldest})`);

/** A list at precisely this version is not possible any more. */
export const tooOldToList = () => resourceExpired("The resourceVersion for the provided list is too old.");

/** A later page of a list whose version is gone; the error carries a token that goes on with the present. */
export function tooOldToContinue(start: string): StatusError {
  const { status } = resourceExpired(
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
      "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. " +
      "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted " +
      "between the time the first chunk was returned and now may show up in the list.",
  );
  return new StatusError({ ...status, metadata: { continue: encodeContinue({ revision: -1, start }) } });
}

/** The version asked for lies ahead of what this server has seen. */
export function tooLarge(asked: number, current: number): StatusError {
  const { status } = timeout(`Too large resource version: ${asked}, current: ${current}`, 1);
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new StatusError({ ...status, details: { ...status.details, causes } });
}
