/**
 * The compiler, loaded when the first expression needs it: most servers never see one. What runs synchronously (the
 * validation of objects that hold expressions) calls `cel()` after somebody has waited for `loadCel()`.
 */
type Cel = typeof import("./cel.ts");

let loaded: Cel | undefined;

/** undefined where it is there already. */
export function loadCel(): Promise<void> | undefined {
  if (loaded) return undefined;
  return import("./cel.ts").then((module) => {
    loaded = module;
  });
}

/** Throws where nobody has loaded it. */
export function cel(): Cel {
  if (!loaded) throw new Error("the compiler of expressions has not been loaded");
  return loaded;
}
