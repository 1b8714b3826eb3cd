import { runtimeClasses } from "../resource-types.ts";
import type { RuntimeClass } from "../types/node.v1.ts";
import { define } from "./define.ts";

export const runtimeClass = define<RuntimeClass>({
  type: runtimeClasses,
  singular: "runtimeclass",
  unconditionalUpdate: false,
});
