import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pause, systemClock } from "../../shared/clock.ts";
import { InstarError, systemCode } from "../../shared/errors.ts";
import { type EventType, readEvents } from "../../shared/events.ts";
import { readStatus } from "../../shared/lifecycle.ts";
import { isAlive } from "../../shared/proc.ts";
import { type Begun, readWitness, runFolder } from "../../shared/runs.ts";
import type { SlotRecord } from "../../shared/slots.ts";
import { endsOf, followJournals, type Journals } from "./follow.ts";
import { DEMO_JOBS, type DemoSlug } from "./jobs.ts";
import type { Screen } from "./screen.ts";
import type { Stage } from "./stage.ts";
import { tellRecord } from "./tell.ts";

/** How often the files are looked at, and how long one thing is waited for. */
const LOOK_MS = 50;
const PATIENCE_MS = 60_000;

/** What the story left to be audited. */
export interface Told {
  readonly journals: Journals;
  readonly traces: readonly string[];
  /** What went wrong in the story itself; empty when nothing did. */
  readonly problems: readonly string[];
}

/** Plays the demo on a stage, and shows what happens when it happens. Throws when a thing does not come. */
export async function playStory(stage: Stage, screen: Screen, signal: AbortSignal): Promise<Told> {
  const { paths } = stage;
  const problems: string[] = [];
  const slugs: DemoSlug[] = DEMO_JOBS.map(({ slug }) => slug);
  const journals = followJournals(paths, slugs, (slug, record) => tellRecord(screen, paths, slug, record));
  const alerts = followAlerts(stage, screen);

  const until = async <T>(what: string, fact: () => T | Promise<T>): Promise<NonNullable<T>> => {
    const deadlineMs = systemClock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      await journals.look();
      await alerts.look();
      const found = await fact();
      if (found) return found;
      if (signal.aborted) throw new InstarError("FAILED", "the demo was interrupted");
      if (systemClock.monotonicMs() > deadlineMs) throw new InstarError("FAILED", `waited in vain for ${what}`);
      await stage.check();
      await pause(systemClock, LOOK_MS, signal);
    }
  };
  const upPid = async (daemon: string): Promise<number | null> => {
    const status = await readStatus(paths, daemon);
    return status?.state === "up" ? status.pid : null;
  };

  const first = await until("the scheduler", () => upPid("scheduler"));
  const gateway = await until("the gateway", () => upPid("gateway"));
  screen.happened("suite", `up: scheduler (pid ${first}), gateway (pid ${gateway}) at ${stage.url}`);
  const { outcome, reason } = await until("the first note", () => endsOf(journals, "note")[0]);
  if (outcome !== "success")
    throw new InstarError("FAILED", `the first prompt is a ${outcome}: ${reason ?? "no reason told"}`);

  await stage.instar("job", "trigger", "report");
  const { slot } = await until("the report", () => claimOf(journals, "report"));
  const folder = runFolder(paths, { slug: "report", slot, attempt: 1 });
  const run = await until("the report's process", async () => (await readWitness(folder)).begun);
  await until("the report's trace", async () => (await readTraces(stage)).some((line) => line.startsWith("report@")));
  screen.happened("report", `Claude Code is in the middle of it, in pid ${run.pid}`);
  problems.push(...(await killScheduler(run)));

  await until("the report", () => endsOf(journals, "report").length > 0);
  const beats = endsOf(journals, "beat").length;
  await until("a beat after the kill", () => endsOf(journals, "beat").length > beats);
  await until("the recovery of flaky", () => alerts.told().includes("job_recovered"));
  await until("another note", () => endsOf(journals, "note").length > 1);
  for (const slug of slugs) await stage.instar("job", "disable", slug);
  await until("all work to end", () => slugs.every((slug) => isQuiet(journals.of(slug))));

  if (alerts.told().join() !== "job_alert,job_recovered")
    problems.push(`one alert and one recovery were due, and told were: ${alerts.told().join(", ") || "none"}`);
  return { journals, traces: await readTraces(stage), problems };

  /** SIGKILL in the middle of a run, and what became of both. */
  async function killScheduler(during: Begun): Promise<string[]> {
    screen.happened("KILL", `SIGKILL to the scheduler, pid ${first}`, "bad");
    const killedMs = systemClock.monotonicMs();
    process.kill(first, "SIGKILL");
    const next = await until("the next scheduler", async () => {
      const pid = await upPid("scheduler");
      return pid === first ? null : pid;
    });
    const awayMs = Math.round(systemClock.monotonicMs() - killedMs);
    const goesOn = await isAlive(during);
    const fate = goesOn ? `the report goes on in pid ${during.pid}` : "the report has ended";
    screen.happened("suite", `the scheduler is back as pid ${next}, after ${awayMs} ms; ${fate}`, "good");
    return goesOn ? [] : [`the report's process ${during.pid} did not outlive the scheduler`];
  }
}

function claimOf(journals: Journals, slug: string): Extract<SlotRecord, { type: "claimed" }> | undefined {
  return journals.of(slug).find((record) => record.type === "claimed");
}

/** Nothing is open, and the scheduler has seen that the job is disabled. */
function isQuiet(records: readonly SlotRecord[]): boolean {
  const claims = records.filter(({ type }) => type === "claimed").length;
  const ends = records.filter(({ type }) => type === "finished" || type === "skipped").length;
  const standing = records.findLast((record) => record.type === "considered")?.standing;
  return claims === ends && standing === "disabled";
}

/** Alerts and recoveries, in their order. */
function followAlerts(stage: Stage, screen: Screen): { look(): Promise<void>; told(): readonly EventType[] } {
  const told = new Map<string, EventType>();
  return {
    async look() {
      const events = await readEvents(stage.paths, { limit: 1000, types: ["job_alert", "job_recovered"] });
      for (const { id, type, message } of events.reverse()) {
        if (told.has(id)) continue;
        told.set(id, type);
        const isAlert = type === "job_alert";
        screen.happened(isAlert ? "ALERT" : "all clear", message, isAlert ? "bad" : "good");
      }
    },
    told: () => [...told.values()],
  };
}

async function readTraces(stage: Stage): Promise<string[]> {
  try {
    return (await readFile(join(stage.paths.dir, "ran"), "utf8")).split("\n").filter(Boolean);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}
