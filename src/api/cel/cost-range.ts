/** Costs and sizes of which only bounds are known. */

/** From at least `min` to at most `max`. */
export interface Range {
  readonly min: number;
  readonly max: number;
}
export const fixed = (size: number): Range => ({ min: size, max: size });
export const NONE = fixed(0);
export const ONE = fixed(1);
export const UNKNOWN: Range = { min: 0, max: Infinity };
export const add = (a: Range, b: Range): Range => ({ min: a.min + b.min, max: a.max + b.max });
/** 0 times anything is 0. */
export const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : a * b);
export const multiply = (a: Range, b: Range): Range => ({ min: times(a.min, b.min), max: times(a.max, b.max) });
export const scale = ({ min, max }: Range, factor: number): Range => ({
  min: Math.ceil(times(min, factor)),
  max: Math.ceil(times(max, factor)),
});
export const union = (a: Range, b: Range): Range => ({ min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) });
export const sum = (ranges: readonly Range[]): Range => ranges.reduce(add, NONE);
