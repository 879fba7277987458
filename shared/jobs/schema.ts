import { z } from "zod";
import { isTimeZone, TimeZone } from "../config.ts";
import { isInstarError } from "../errors.ts";
import { Slug } from "../protocol.ts";
import { parseSchedule } from "../schedule.ts";

export const PRIORITIES = ["critical", "high", "normal", "low"] as const;
const OVERLAPS = ["skip", "buffer-one", "buffer-all", "cancel-other", "allow"] as const;

const text = z.string().min(1);
const minutes = z.number().positive().max(525_600);

const Execute = z.strictObject({
  type: z
    .enum(["prompt", "script", "skill"])
    .describe(
      "prompt: the agent with this prompt; script: a file or shell command, no model; skill: the agent with /name",
    ),
  value: text.max(4_194_304).describe("the prompt, the script or the skill's name"),
});

const fields = z.strictObject({
  slug: Slug,
  name: text.max(200).describe("what people read"),
  schedule: text.max(200).describe("cron with 5 fields (6 with seconds), @every 90m, or @at 2026-12-24T18:00"),
  execute: Execute.optional().describe("what runs; without it, a prompt: the description, else the name"),
  description: z.string().max(10_000).default("").describe("what it is for"),
  priority: z
    .enum([...PRIORITIES, "medium"])
    .default("normal")
    .transform((priority) => (priority === "medium" ? "normal" : priority))
    .describe("who goes first, and who waits when the quota is used; medium is read as normal"),
  model: z
    .string()
    .regex(/^[A-Za-z0-9][\w.:@/[\]-]{0,99}$/, {
      error: 'must be "opus", "sonnet", "haiku" or the full name of a model',
    })
    .default("sonnet")
    .describe("opus, sonnet, haiku, or the full name of a model"),
  enabled: z.boolean().default(true).describe("false: not run by its schedule"),
  timezone: TimeZone.optional().describe("the schedule's zone; default: scheduler.timezone of config.json"),
  jitterSeconds: z.number().min(0).max(86_400).default(0).describe("each start is put off by 0 to so many seconds"),
  gate: text.max(100_000).optional().describe("a command that must exit 0 within 10 s before anything is spent"),
  timeoutMinutes: minutes.optional().describe("time limit; default: sessions.defaultMaxDurationMinutes of config.json"),
  retries: z
    .strictObject({
      max: z.int().min(0).max(100).default(0).describe("further attempts after a failure or a timeout"),
      backoffSeconds: z.number().min(0).max(86_400).default(60).describe("before the first; doubled before each next"),
    })
    .prefault({})
    .describe("what is tried again"),
  overlap: z.enum(OVERLAPS).default("skip").describe("what happens when one is due while another still runs"),
  catchUp: z.enum(["latest", "all", "none"]).default("latest").describe("which missed instants are made up"),
  catchUpWindowMinutes: z.number().min(0).max(525_600).default(1440).describe("older ones are not made up"),
  notify: z
    .enum(["always", "on-failure", "never"])
    .default("always")
    .describe("what is told to the owner in a channel, of which this release has none; events tell everything"),
  topic: z.union([text, z.int()]).transform(String).optional().describe("where in the channel"),
  tags: z.array(z.string()).max(100).default([]).describe("for people"),
  grounding: z.json().optional().describe("kept as it is"),
  supervision: z.json().optional().describe("kept as it is"),
});

/** One entry of jobs.json, with every default filled. */
export const Job = fields
  .superRefine(({ schedule, timezone }, context) => {
    const fault = scheduleFault(schedule, timezone !== undefined && isTimeZone(timezone) ? timezone : "UTC");
    if (fault !== null) context.addIssue({ code: "custom", path: ["schedule"], message: fault, input: undefined });
  })
  .transform(({ execute, ...job }) => ({
    ...job,
    execute: execute ?? { type: "prompt" as const, value: job.description || job.name },
  }))
  .describe("one job");
export type Job = z.output<typeof Job>;

function scheduleFault(schedule: string, zone: string): string | null {
  try {
    parseSchedule(schedule, zone);
    return null;
  } catch (error) {
    if (!isInstarError(error)) throw error;
    return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  }
}

/** jobs.json, in either form, for editors. */
export const JobsFile = z
  .union([z.array(Job), z.strictObject({ version: z.literal(1), jobs: z.array(Job) })])
  .describe("jobs.json of an Instar agent: a list of jobs");
