import type { Flags, FlagTypes } from "../base/flags.ts";

/** The values of flags that nobody gave, required ones left out. */
export function defaultValues<F extends Flags>(
  flags: F,
): { readonly [Name in keyof F as F[Name] extends { default: unknown } ? Name : never]: FlagTypes[F[Name]["kind"]] } {
  const given = Object.entries(flags).filter(([, flag]) => flag.default !== undefined);
  return Object.fromEntries(given.map(([name, flag]) => [name, flag.default])) as never;
}
