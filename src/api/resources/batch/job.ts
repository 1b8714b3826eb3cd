import { jobs } from "../../resource-types.ts";
import type { Job } from "../../types/batch.v1.ts";
import { define } from "../define.ts";

export const job = define<Job>({
  type: jobs,
  singular: "job",
  categories: ["all"],
  hasStatus: true,
  generation: true,
  defaultPropagation: "Orphan",
  selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
});
