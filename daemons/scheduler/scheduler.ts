import type { Bus } from "../../shared/bus.ts";
import { pause } from "../../shared/clock.ts";
import { describeError, isInstarError } from "../../shared/errors.ts";
import type { Events } from "../../shared/events.ts";
import type { Life } from "../../shared/lifecycle.ts";
import { createActs } from "./acts.ts";
import { createConductor } from "./conductor.ts";
import { createHouse } from "./house.ts";
import { createJobBook, faultOf, timetableOf } from "./job-book.ts";
import { createLauncher } from "./launch.ts";
import { type Ledgers, openLedgers } from "./ledgers.ts";
import { createNarrator } from "./narrator.ts";
import { createInvalidNotices, invalidConcern, publishRecord, startedEvent } from "./notices.ts";
import { createPanes } from "./panes.ts";
import { sweep } from "./retention.ts";
import { createRounds } from "./rounds.ts";
import { settingsOf } from "./settings.ts";
import { createSlotRun } from "./slot-run.ts";
import { createTimetable } from "./timetable.ts";
import { createTmux } from "./tmux.ts";
import { openTriggers } from "./triggers.ts";
import { createViewWriter } from "./view.ts";

export interface SchedulerDeps {
  readonly life: Life;
  readonly bus: Pick<Bus, "publish" | "answer">;
  readonly events: Events;
}

/** Runs jobs until the daemon is told to end. Whatever it knows it has read from files. */
export async function keepScheduling({ life, bus, events }: SchedulerDeps): Promise<void> {
  const { paths, clock, log } = life;
  const settings = () => settingsOf(life.config(), paths);
  const concern = (name: string) => (text: string | null) => life.setConcern(name, text);

  await using narrator = createNarrator({
    paths,
    clock,
    events,
    priorityOf: (slug) => book.current()?.jobs.get(slug)?.priority,
    onTold: () => bus.publish("event.told", {}),
    onTrouble: concern("events"),
  });
  await using ledgers = await openLedgers({
    paths,
    clock,
    log,
    onRecord(slug, record, before, after) {
      narrator.hear({ slug, record, before, after });
      triggers.hearRecord(slug, record);
      publishRecord(bus, slug, record);
    },
  });
  const timetable = createTimetable({ ledgers, clock });
  const invalid = createInvalidNotices();
  const setJobs = (): void => {
    const current = book.current();
    if (current) timetable.setJobs(timetableOf(current, settings().timezone));
    rounds.look();
  };
  await using book = createJobBook({
    paths,
    clock,
    onChange(current, slugs) {
      for (const slug of slugs) bus.publish("job.changed", { slug });
      for (const event of invalid.of(current)) narrator.hearEvent(event);
      life.setConcern("jobs", invalidConcern(current));
      setJobs();
    },
    onBroken(error) {
      const current = book.current();
      life.setConcern("jobs", error ? faultOf(error) : current && invalidConcern(current));
      if (error) log.error({ error }, "jobs.json cannot be read; its last good version stays in force");
    },
  });
  using panes = createPanes({
    clock,
    agentDir: paths.dir,
    onNews() {
      conductor.hearNews();
      rounds.look();
    },
  });
  const launcher = createLauncher({
    paths,
    config: life.config,
    tmux: createTmux(paths, () => life.config().sessions.tmuxPath),
  });
  await using conductor = createConductor({
    clock,
    ledgers,
    book: () => book.current(),
    house: createHouse({
      clock,
      settings,
      onQuota: (quota) => life.setConcern("quota", "detail" in quota ? quota.detail : null),
    }),
    acts: createActs({
      clock,
      ledgers,
      slotRun: (job, run) => createSlotRun({ clock, paths, panes, launcher }, job, run),
      onBegin(run, { pid, startedAt }) {
        narrator.hearBegin(run, startedAt);
        bus.publish("slot.started", { ...run, pid });
      },
    }),
    onStep: () => rounds.look(),
  });
  using triggers = openTriggers({
    paths,
    clock,
    log,
    ledgers,
    book: () => book.current(),
    readBook: () => book.read(),
    timezone: () => settings().timezone,
    queue: () => conductor.queue(),
    look: () => rounds.look(),
  });
  const view = createViewWriter({
    paths,
    clock,
    onError: (error) => log.warn({ error }, "cannot write the view of the queue"),
  });
  const rounds = createRounds(clock, async () => {
    const wishFault = await triggers.takeUp().then(() => null, passingFault);
    life.setConcern("triggers", wishFault);
    const look = book.current() ? await timetable.look() : null;
    const [failed] = look?.failed ?? [];
    life.setConcern("journal", failed ? `${failed.slug}: ${passingFault(failed.error)}` : null);
    const conductorMs = await conductor.look();
    triggers.hearNews();
    life.setConcern("runs", conductor.trouble());
    life.setDetail(settings().isPaused ? "paused: scheduler.enabled is false in config.json" : null);
    view.offer({ settings: settings(), book: book.current(), queue: conductor.queue() });
    const againMs = failed || wishFault !== null ? AGAIN_MS : Infinity;
    return Math.min(conductorMs, againMs, (look?.wakeAt ?? Infinity) - clock.now());
  });

  await narrator.catchUp(ledgers.slugs());
  narrator.hearEvent(startedEvent(life.status()));
  await book.follow();
  using _config = life.onConfig(setJobs);
  using _look = bus.answer("scheduler.look", () => {
    rounds.look();
    return {};
  });
  using _reload = bus.answer("jobs.reload", async () => {
    const { jobs, invalid } = await book.read();
    return { jobs: jobs.size, invalid: [...invalid] };
  });
  using _trigger = bus.answer("job.trigger", (wish) => triggers.answer(wish));
  life.ready();
  await Promise.all([rounds.keep(life.signal), keepSweeping(life, ledgers)]);
}

const AGAIN_MS = 1000;
const FIRST_SWEEP_MS = 60_000;
const SWEEP_MS = 6 * 3_600_000;

/** What passes, for people; throws whatever else it is. */
function passingFault(error: unknown): string {
  if (!isInstarError(error)) throw error;
  return describeError(error);
}

async function keepSweeping({ paths, clock, log, signal }: Life, ledgers: Ledgers): Promise<void> {
  let waitMs = FIRST_SWEEP_MS;
  while (!signal.aborted) {
    await pause(clock, waitMs, signal);
    if (signal.aborted) return;
    try {
      const { isDone } = await sweep({ paths, clock, log, ledgers });
      waitMs = isDone ? SWEEP_MS : AGAIN_MS;
    } catch (error) {
      if (!isInstarError(error)) throw error;
      log.warn({ error }, "cannot take away what is old");
      waitMs = FIRST_SWEEP_MS;
    }
  }
}
