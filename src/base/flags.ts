/**
 * Command-line flags as data, in upstream's manner: `--name=value` or `--name value`, booleans also bare. A component lists
 * its flags beside its code; the CLI mounts them. A flag that is not listed is refused, so none is ever ignored.
 */
export interface Flag<Kind extends FlagKind = FlagKind> {
  readonly kind: Kind;
  readonly description: string;
  /** Absent: undefined unless given. */
  readonly default?: FlagTypes[Kind];
  readonly required?: true;
}

export interface FlagTypes {
  string: string;
  boolean: boolean;
  integer: number;
  /** With a fraction. */
  number: number;
  /** Written as in Go (`10s`, `1h30m`), kept in ms. */
  duration: number;
  /** Separated by commas, and may be repeated. */
  list: readonly string[];
  /** May be repeated; commas are part of a value. */
  repeated: readonly string[];
}
export type FlagKind = keyof FlagTypes;
export type Flags = Readonly<Record<string, Flag>>;

/** The values of a set of flags, by their names. */
export type FlagValues<F extends Flags> = {
  readonly [Name in keyof F]: F[Name] extends { required: true } | { default: FlagTypes[FlagKind] }
    ? FlagTypes[F[Name]["kind"]]
    : FlagTypes[F[Name]["kind"]] | undefined;
};
