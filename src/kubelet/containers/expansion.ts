/**
 * Replaces `$(NAME)` by what `lookup` knows. A reference to an unknown name stays as written, and `$$` is one dollar
 * sign, so `$$(NAME)` is never replaced. See https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$(\$|\(([^)]*)\))/g, (whole, escaped: string, name: string | undefined) =>
    escaped === "$" ? "$" : (lookup(name ?? "") ?? whole),
  );
}

/** As `expand`, but throws for the first name that is unknown: for paths, where a leftover would name another file. */
export function expandStrictly(text: string, lookup: (name: string) => string | undefined): string {
  return expand(text, (name) => {
    const value = lookup(name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    return value;
  });
}
