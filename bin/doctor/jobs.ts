import { describeError, isInstarError } from "../../shared/errors.ts";
import { loadJobs } from "../../shared/jobs.ts";
import { type Check, fault, ok } from "./check.ts";

export const jobsCheck: Check = {
  name: "jobs",
  async examine({ paths }) {
    if (paths === null) return [];
    try {
      const { jobs, invalid } = await loadJobs(paths);
      const enabled = jobs.filter((job) => job.enabled).length;
      return [
        ok(`${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}, ${enabled} of them on`),
        ...invalid.map(({ reason }) => fault(`not run: ${reason}`, `correct ${paths.jobs}`)),
      ];
    } catch (error) {
      if (isInstarError(error)) return [fault(describeError(error), error.hint)];
      throw error;
    }
  },
};
