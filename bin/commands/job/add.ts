import type { Command } from "commander";
import type { z } from "zod";
import type { Job } from "../../../shared/jobs.ts";
import { type Frame, type JsonOption, jsonOption, misuse } from "../../frame.ts";
import { numeric } from "../../options.ts";
import { localTime } from "../../text.ts";

interface Options extends JsonOption {
  readonly slug: string;
  readonly name: string;
  readonly schedule: string;
  readonly type?: string;
  readonly execute?: string;
  readonly retries?: number | string;
  readonly backoffSeconds?: number | string;
  readonly tag?: readonly string[];
  readonly disabled?: boolean;
  readonly [field: string]: unknown;
}

/** Options that are named like the fields they fill. */
const SAME = [
  "slug",
  "name",
  "schedule",
  "description",
  "priority",
  "model",
  "timezone",
  "jitterSeconds",
  "gate",
  "timeoutMinutes",
  "overlap",
  "catchUp",
  "catchUpWindowMinutes",
  "notify",
  "topic",
];

export function define(command: Command, frame: Frame): void {
  command
    .requiredOption("--slug <slug>", "its name in commands and files")
    .requiredOption("--name <name>", "its name for people")
    .requiredOption("--schedule <schedule>", 'cron ("0 3 * * *"), "@every 90m" or "@at 2026-12-24T18:00"')
    .option("--execute <value>", "the prompt, script or skill; without it, the description is the prompt")
    .option("--type <type>", "prompt, script or skill (default: prompt)")
    .option("--description <text>", "what it is for")
    .option("--priority <priority>", "critical, high, normal or low (default: normal)")
    .option("--model <model>", "opus, sonnet, haiku or a full name (default: sonnet)")
    .option("--timezone <zone>", "the schedule's zone (default: scheduler.timezone)")
    .option("--jitter-seconds <seconds>", "put each start off by 0 to so many seconds", numeric)
    .option("--gate <command>", "must exit 0 before anything is spent")
    .option("--timeout-minutes <minutes>", "time limit", numeric)
    .option("--retries <count>", "further attempts after a failure or a timeout", numeric)
    .option("--backoff-seconds <seconds>", "before the first of them", numeric)
    .option("--overlap <policy>", "skip, buffer-one, buffer-all, cancel-other or allow (default: skip)")
    .option("--catch-up <policy>", "latest, all or none of what was missed (default: latest)")
    .option("--catch-up-window-minutes <minutes>", "what is older is not made up", numeric)
    .option("--notify <when>", "always, on-failure or never: what is told in a channel (default: always)")
    .option("--topic <topic>", "where in the channel")
    .option("--tag <tag...>", "for people")
    .option("--disabled", "add it switched off")
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const paths = await frame.agent();
      const { loadConfig } = await import("../../../shared/config.ts");
      const { addJob } = await import("../../../shared/jobs.ts");
      const { parseSchedule } = await import("../../../shared/schedule.ts");
      const config = await loadConfig(paths);
      const entry = entryOf(options);
      await refuseFaults(entry);
      const job = await addJob(paths, entry as unknown as z.input<typeof Job>);
      const nextMs = parseSchedule(job.schedule, job.timezone ?? config.scheduler.timezone).next(Date.now());
      frame.print({ job, nextRun: nextMs === null ? null : new Date(nextMs).toISOString() }, options, () => {
        const comes = nextMs === null ? "its instant is past: it runs by hand only" : `first run ${localTime(nextMs)}`;
        const first = job.enabled ? comes : "switched off";
        const what = options.execute === undefined ? `\nIts prompt is: ${job.execute.value}` : "";
        return `added ${job.slug} (${job.execute.type}), ${first}${what}`;
      });
    });
}

/** The entry as a person would write it: nothing that was not said. */
function entryOf(options: Options): Readonly<Record<string, unknown>> {
  const { type, execute, retries, backoffSeconds, tag, disabled } = options;
  if (type !== undefined && execute === undefined) throw misuse(`--type ${type} needs --execute`);
  return {
    ...Object.fromEntries(SAME.flatMap((field) => (options[field] === undefined ? [] : [[field, options[field]]]))),
    ...(execute === undefined ? {} : { execute: { type: type ?? "prompt", value: execute } }),
    ...(retries === undefined && backoffSeconds === undefined ? {} : { retries: { max: retries, backoffSeconds } }),
    ...(tag === undefined ? {} : { tags: tag }),
    ...(disabled ? { enabled: false } : {}),
  };
}

/** Options whose names are not those of their fields. */
const OPTION_OF: Readonly<Record<string, string>> = {
  "execute.type": "--type",
  "execute.value": "--execute",
  "retries.max": "--retries",
  "retries.backoffSeconds": "--backoff-seconds",
  tags: "--tag",
};

/** What is wrong with an option is said of the option, not of the field that it would have filled. */
async function refuseFaults(entry: Readonly<Record<string, unknown>>): Promise<void> {
  const { faultsOf } = await import("../../../shared/config.ts");
  const { Job } = await import("../../../shared/jobs.ts");
  const faults = faultsOf(Job, entry, "job");
  if (!Array.isArray(faults)) return;
  const [, field = "", fault = ""] = /^job\.([\w.]+)(.*)$/s.exec(faults[0] ?? "") ?? [];
  const option = OPTION_OF[field] ?? `--${field.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw misuse(`${option}${fault}`, "instar help job add");
}
