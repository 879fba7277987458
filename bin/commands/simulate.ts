import type { Command } from "commander";
import type { AgentPaths } from "../../shared/paths.ts";
import { type Frame, type JsonOption, jsonOption, misuse } from "../frame.ts";
import { wholeNumber } from "../options.ts";
import type { Firing, Fold, SimulatedJob, Simulation } from "../simulate.ts";

interface Options extends JsonOption {
  readonly days: number;
  readonly from?: string;
  readonly tz?: string;
}

export function define(command: Command, frame: Frame): void {
  command
    .argument("[job]", "one job, or a schedule like '30 2 * * *'; default: all jobs")
    .option("--days <number>", "so many days", wholeNumber("--days", 1, 3660), 7)
    .option("--from <instant>", "from then on, like 2026-03-01; default: now")
    .option("--tz <zone>", "the zone of schedules that name none; default: the configured one")
    .addOption(jsonOption())
    .action(async (job: string | undefined, options: Options) => {
      const { openZone } = await import("../../shared/schedule.ts");
      const { simulate } = await import("../simulate.ts");
      if (options.tz !== undefined) openZone(options.tz);
      const jobs = await jobsOf(frame, job, options.tz);
      const fromMs = startOf(options.from);
      const toMs = fromMs + options.days * 86_400_000;
      const simulation = simulate(jobs, { fromMs, toMs, withDisabled: job !== undefined });
      frame.print(simulation, options, () => tell(simulation, frame));
    });
}

function startOf(from: string | undefined): number {
  if (from === undefined) return Date.now();
  const at = /^\d{4}-\d\d-\d\d/.test(from) ? Date.parse(from) : Number.NaN;
  if (Number.isNaN(at)) throw misuse(`--from is "${from}", and must be like 2026-03-01 or 2026-03-01T08:30`);
  return at;
}

async function jobsOf(frame: Frame, job: string | undefined, tz: string | undefined): Promise<SimulatedJob[]> {
  const isText = job !== undefined && (job.includes(" ") || job.startsWith("@"));
  if (!isText) return jobsOfAgent(frame, await frame.agent(), job, tz);
  const { parseSchedule } = await import("../../shared/schedule.ts");
  const zone = tz ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [{ slug: "schedule", schedule: parseSchedule(job, zone), enabled: true, jitterSeconds: 0 }];
}

async function jobsOfAgent(
  frame: Frame,
  paths: AgentPaths,
  slug: string | undefined,
  tz: string | undefined,
): Promise<SimulatedJob[]> {
  const [{ loadConfig }, { loadJobs, noSuchJob }, { parseSchedule }] = await Promise.all([
    import("../../shared/config.ts"),
    import("../../shared/jobs.ts"),
    import("../../shared/schedule.ts"),
  ]);
  const zone = tz ?? (await loadConfig(paths)).scheduler.timezone;
  const { jobs, invalid } = await loadJobs(paths);
  for (const { index, slug: name, reason } of invalid)
    if (slug === undefined || slug === name) frame.note(`passed over ${name ?? `entry ${index}`}: ${reason}`);
  const wanted = jobs.filter((job) => slug === undefined || job.slug === slug);
  if (slug !== undefined && wanted.length === 0)
    throw noSuchJob(
      slug,
      jobs.map((job) => job.slug),
    );
  return wanted.map(({ slug: name, schedule, timezone, enabled, jitterSeconds }) => ({
    slug: name,
    schedule: parseSchedule(schedule, timezone ?? zone),
    enabled,
    jitterSeconds,
  }));
}

function tell(simulation: Simulation, frame: Frame): string {
  if (simulation.jobs.length === 0) return "no jobs to simulate; add one: instar help job add";
  const off = new Set(simulation.jobs.flatMap(({ slug, standing }) => (standing === "disabled" ? [slug] : [])));
  const lines: string[] = [];
  let fold = 0;
  const foldsUpTo = (at: string): void => {
    for (let next = simulation.folds[fold]; next && next.at <= at; next = simulation.folds[fold]) {
      lines.push(frame.paint("yellow", foldLine(next)));
      fold += 1;
    }
  };
  for (const firing of simulation.firings) {
    foldsUpTo(firing.at);
    lines.push(firingLine(firing, off.has(firing.slug)));
  }
  foldsUpTo(simulation.to);
  const sums = simulation.jobs.map(({ slug, schedule, zone, standing, count, jitterSeconds }) => {
    const times = standing === "disabled" ? `disabled: never, else ${timesOf(count)}` : timesOf(count);
    const jitter = jitterSeconds === 0 ? "" : `, each up to ${jitterSeconds} s later`;
    return frame.paint("dim", `${slug}: ${schedule} in ${zone}, ${times}${jitter}`);
  });
  return [...lines, ...sums].join("\n");
}

function timesOf(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}

function firingLine({ local, slug }: Firing, isOff: boolean): string {
  return `${local}  ${slug}${isOff ? " (disabled)" : ""}`;
}

function foldLine({ local, zone, before, minutes }: Fold): string {
  const what = minutes > 0 ? `${minutes} minutes are left out` : `${-minutes} minutes come again`;
  return `${local}  -- ${zone}: the clocks go from ${before.slice(11, 16)} to ${local.slice(11, 16)}, ${what}`;
}
