/**
 * An operator that lets Deployments sleep: an OfficeHours object scales one up in the morning and down in the evening.
 * It shows a kind of one's own whose types come from its schema, waiting for a time, and a status.
 */
import { customResource, reconciler } from "knarr/controller";

export const officeHours = customResource({
  group: "examples.knarr.dev",
  version: "v1",
  kind: "OfficeHours",
  plural: "officehours",
  spec: {
    type: "object",
    required: ["deployment", "replicas", "opens", "closes"],
    properties: {
      deployment: { type: "string", minLength: 1 },
      replicas: { type: "integer", minimum: 1 },
      /** Hours of the day, in UTC. */
      opens: { type: "integer", minimum: 0, maximum: 23 },
      closes: { type: "integer", minimum: 0, maximum: 23 },
    },
  },
  status: { type: "object", properties: { open: { type: "boolean" }, until: { type: "string", format: "date-time" } } },
  columns: [
    { name: "Deployment", type: "string", jsonPath: ".spec.deployment" },
    { name: "Open", type: "boolean", jsonPath: ".status.open" },
  ],
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Whether it is open at `now`, and when that changes next, both in ms since the epoch. */
export function hoursAt(now: number, opens: number, closes: number): { open: boolean; until: number } {
  const midnight = Math.floor(now / DAY_MS) * DAY_MS;
  const changes = [-1, 0, 1, 2].flatMap((day) => [
    { at: midnight + day * DAY_MS + opens * HOUR_MS, open: true },
    { at: midnight + day * DAY_MS + closes * HOUR_MS, open: false },
  ]);
  changes.sort((a, b) => a.at - b.at);
  const last = changes.findLast(({ at }) => at <= now)!;
  return { open: last.open, until: changes.find(({ at, open }) => at > now && open !== last.open)!.at };
}

export const officeHoursController = reconciler({
  name: "office-hours",
  for: officeHours,
  watches: [
    {
      // Whoever scales by hand out of hours is corrected.
      kind: { apiVersion: "apps/v1", kind: "Deployment" },
      concerns: (deployment, view) =>
        view
          .list(officeHours, deployment.metadata?.namespace)
          .filter(({ spec }) => spec.deployment === deployment.metadata?.name)
          .map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`),
    },
  ],
  async reconcile(hours, { client, clock, updateStatus, event }) {
    const { deployment: name, replicas, opens, closes } = hours.spec;
    const now = clock.now();
    const { open, until } = hoursAt(now, opens, closes);
    const namespace = hours.metadata?.namespace ?? "default";
    const deployment = await client.find({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
    const wanted = open ? replicas : 0;
    if (deployment && deployment.spec?.replicas !== wanted) {
      const patch = { spec: { replicas: wanted } };
      await client.patch({ apiVersion: "apps/v1", kind: "Deployment", namespace, name }, "merge", patch);
      event("Normal", open ? "Opened" : "Closed", `Scaled Deployment ${name} to ${wanted}`);
    }
    await updateStatus({ open, until: new Date(until).toISOString() });
    return { requeueAfter: until - now };
  },
});
