import type { Pod } from "../../api/types/core.v1.ts";

/** Whether no container of a pod asks for cpu or memory, or is limited in it. */
export function isBestEffort({ spec }: Pod): boolean {
  const asks = (list: Readonly<Record<string, unknown>> | undefined) =>
    ["cpu", "memory"].some((name) => ![undefined, "0", 0].includes(list?.[name] as string | undefined));
  return ![...(spec?.containers ?? []), ...(spec?.initContainers ?? []), { resources: spec?.resources }].some(
    ({ resources }) => asks(resources?.requests) || asks(resources?.limits),
  );
}
