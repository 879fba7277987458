import { z } from "zod";
import { readSchedulerView } from "../../../shared/job-views.ts";
import { route } from "../route.ts";
import { schedulerOf, sessionsOf } from "./health.ts";

const Status = z.object({
  sessions: z.object({ running: z.int(), max: z.int(), list: z.array(z.never()) }),
  scheduler: z.object({
    running: z.boolean(),
    paused: z.boolean(),
    jobs: z.int().describe("valid entries of jobs.json"),
    enabled: z.int(),
    queued: z.int().describe("slots that wait"),
    active: z.int().describe("runs that go on"),
  }),
});

const NOTHING = { jobs: 0, enabled: 0, queued: 0, active: 0 };

export const statusRoute = route({
  method: "GET",
  path: "/status",
  summary: "Sessions and scheduler, as numbers; those of a scheduler that is away are its last",
  answer: Status,
  async handle(_ask, deps) {
    const { jobs, enabled, queued, active } = (await readSchedulerView(deps.paths)) ?? NOTHING;
    return {
      sessions: { ...sessionsOf(deps), list: [] },
      scheduler: { ...schedulerOf(deps), jobs, enabled, queued, active },
    };
  },
});
