import type { Health } from "./health.ts";

/** Upstream's names of the checks that say that a part of the server has read what it works with. */
const CHECKS = {
  security: ["generic-apiserver-start-informers"],
  admission: ["start-apiserver-admission-initializer"],
  customResources: ["start-apiextensions-informers", "start-apiextensions-controllers", "crd-informer-synced"],
  aggregation: [
    "start-kube-aggregator-informers",
    "apiservice-registration-controller",
    "apiservice-status-local-available-controller",
    "apiservice-openapi-controller",
  ],
  storage: ["storage-readiness"],
} as const;

/** The parts of the start: each resolves when what it needs of the store has been read. */
export type StartPhases = Readonly<Record<keyof typeof CHECKS, Promise<unknown>>>;

/** Adds a check for each part, and one for all; resolves when all are done. */
export function startPhases(phases: StartPhases, checks: Health): Promise<void> {
  const add = (name: string, done: Promise<unknown>, endpoints: readonly ("livez" | "readyz")[]) => {
    let isDone = false;
    done.then(
      () => {
        isDone = true;
      },
      () => {},
    );
    const check = () => {
      if (!isDone) throw new Error("what is stored has not been read yet");
    };
    checks.add({ name, check }, endpoints);
  };
  const all = Promise.all(Object.values(phases)).then(() => {});
  add("informer-sync", all, ["readyz"]);
  for (const [phase, names] of Object.entries(CHECKS) as [keyof StartPhases, readonly string[]][]) {
    for (const name of names) add(`poststarthook/${name}`, phases[phase], ["livez", "readyz"]);
  }
  return all;
}
