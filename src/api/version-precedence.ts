/**
 * Orders API versions as discovery names them: stable ones (`v2`, `v1`) before beta (`v2beta1`, `v1beta2`) before alpha
 * ones, each by number, the newest first; all other names follow by the alphabet. Negative: `a` comes first.
 */
export function comparePrecedence(a: string, b: string): number {
  const [left, right] = [parse(a), parse(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : a > b ? 1 : 0;
  return right.stability - left.stability || right.major - left.major || right.minor - left.minor;
}

const STABILITY: Readonly<Record<string, number>> = { alpha: 0, beta: 1 };

function parse(version: string): { stability: number; major: number; minor: number } | undefined {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (!match) return undefined;
  const [, major, stage, minor] = match;
  return { stability: stage === undefined ? 2 : STABILITY[stage]!, major: Number(major), minor: Number(minor ?? 0) };
}
