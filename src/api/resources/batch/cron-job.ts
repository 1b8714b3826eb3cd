import { cronJobs } from "../../resource-types.ts";
import type { CronJob } from "../../types/batch.v1.ts";
import { define } from "../define.ts";

export const cronJob = define<CronJob>({
  type: cronJobs,
  singular: "cronjob",
  shortNames: ["cj"],
  categories: ["all"],
  hasStatus: true,
  generation: true,
});
