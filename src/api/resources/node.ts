import { runtimeClasses } from "../resource-types.ts";
import type { RuntimeClass } from "../types/node.v1.ts";
import { ageColumn, column, nameColumn } from "./columns.ts";
import { define } from "./define.ts";

export const runtimeClass = define<RuntimeClass>({
  type: runtimeClasses,
  singular: "runtimeclass",
  columns: [
    nameColumn,
    column("Handler", "Runtime configuration of the nodes.", ({ handler }) => handler ?? ""),
    ageColumn,
  ],
  unconditionalUpdate: false,
});
