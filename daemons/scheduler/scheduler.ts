import type { Bus } from "../../shared/bus.ts";
import { pause } from "../../shared/clock.ts";
import { describeError, isInstarError } from "../../shared/errors.ts";
import { type Events, startedEvent } from "../../shared/events.ts";
import type { Life } from "../../shared/lifecycle.ts";
import { type Acts, createActs } from "./acts.ts";
import { type Conductor, createConductor } from "./conductor.ts";
import { createTerms } from "./terms.ts";
import { type Book, createJobBook, faultOf, type JobBook, timetableOf } from "./job-book.ts";
import { createLauncher } from "./launch.ts";
import { type Ledgers, openLedgers } from "./ledgers.ts";
import { createNarrator, type Narrator } from "./narrator.ts";
import { createInvalidNotices, invalidConcern, publishRecord } from "./notices.ts";
import { createPanes, type Panes } from "./panes.ts";
import { sweep } from "./retention.ts";
import { createRounds } from "./rounds.ts";
import { type Settings, settingsOf } from "./settings.ts";
import { createSlotRun } from "./slot-run.ts";
import { createTimetable, type Timetable } from "./timetable.ts";
import { createTmux, loadTmuxClient } from "./tmux.ts";
import { openTriggers, type Triggers } from "./triggers.ts";
import { createViewWriter } from "./view.ts";

export interface SchedulerDeps {
  readonly life: Life;
  readonly bus: Pick<Bus, "publish" | "answer">;
  readonly events: Events;
}

/** Runs jobs until the daemon is told to end. Whatever it knows it has read from files. */
export async function keepScheduling(deps: SchedulerDeps): Promise<void> {
  const { life, bus, events } = deps;
  const { paths, clock, log } = life;
  const look = (): void => rounds.look();
  const house: House = { ...deps, settings: () => settingsOf(life.config(), paths), look };

  await using narrator = createNarrator({
    paths,
    clock,
    events,
    priorityOf: (slug) => book.current()?.jobs.get(slug)?.priority,
    onTold: () => bus.publish("event.told", {}),
    onTrouble: (text) => life.setConcern("events", text),
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
  const setJobs = (): void => {
    const current = book.current();
    if (current) timetable.setJobs(timetableOf(current, house.settings().timezone));
    look();
  };
  await using book = createBook(house, narrator, setJobs);
  using panes = createPanes({
    clock,
    agentDir: paths.dir,
    onNews() {
      conductor.hearNews();
      look();
    },
  });
  await using conductor = createConductor({
    clock,
    ledgers,
    book: () => book.current(),
    terms: createTerms({
      clock,
      settings: house.settings,
      onQuota: (quota) => life.setConcern("quota", "detail" in quota ? quota.detail : null),
    }),
    acts: createOwnActs(house, { ledgers, narrator, panes }),
    onStep: look,
  });
  using triggers = openTriggers({
    paths,
    clock,
    log,
    ledgers,
    book: () => book.current(),
    readBook: () => book.read(),
    timezone: () => house.settings().timezone,
    queue: () => conductor.queue(),
    look,
  });
  const rounds = createRounds(clock, createRound(house, { book, timetable, triggers, conductor }));

  // First the jobs: by their priorities it is decided what of the untold is an alert.
  await book.follow();
  await narrator.catchUp(ledgers.slugs());
  narrator.hearEvent(startedEvent(life.status()));
  using _config = life.onConfig(setJobs);
  using _answers = answerAll(house, { book, triggers });
  life.ready();
  await Promise.all([rounds.keep(life.signal), keepSweeping(life, ledgers), settle(life)]);
}

/** Soon after the start, so that no run has to wait for it. */
const SETTLE_MS = 1000;

async function settle({ clock, signal }: SchedulerDeps["life"]): Promise<void> {
  await pause(clock, SETTLE_MS, signal);
  await loadTmuxClient();
}

/** What all parts go by. */
interface House extends SchedulerDeps {
  readonly settings: () => Settings;
  /** Asks for a round. */
  readonly look: () => void;
}

function createBook({ life, bus }: House, narrator: Narrator, setJobs: () => void): JobBook {
  const invalid = createInvalidNotices();
  let good: Book | null = null;
  return createJobBook({
    paths: life.paths,
    clock: life.clock,
    onChange(book, slugs) {
      good = book;
      for (const slug of slugs) bus.publish("job.changed", { slug });
      for (const event of invalid.of(book)) narrator.hearEvent(event);
      life.setConcern("jobs", invalidConcern(book));
      setJobs();
    },
    onBroken(error) {
      life.setConcern("jobs", error ? faultOf(error) : good && invalidConcern(good));
      if (error) life.log.error({ error }, "jobs.json cannot be read; its last good version stays in force");
    },
  });
}

function createOwnActs(
  { life, bus }: House,
  { ledgers, narrator, panes }: { readonly ledgers: Ledgers; readonly narrator: Narrator; readonly panes: Panes },
): Acts {
  const { paths, clock, config } = life;
  const tmux = createTmux(paths, () => config().sessions.tmuxPath);
  const launcher = createLauncher({ paths, config, tmux });
  return createActs({
    clock,
    ledgers,
    slotRun: (job, run) => createSlotRun({ clock, paths, panes, launcher }, job, run),
    onBegin(run, { pid, startedAt }) {
      narrator.hearBegin(run, startedAt);
      bus.publish("slot.started", { ...run, pid });
    },
  });
}

interface RoundParts {
  readonly book: JobBook;
  readonly timetable: Timetable;
  readonly triggers: Triggers;
  readonly conductor: Conductor;
}

/** One round: wishes, due instants, steps of open slots. In how many milliseconds the next has to come. */
function createRound(
  { life, settings }: House,
  { book, timetable, triggers, conductor }: RoundParts,
): () => Promise<number> {
  const { paths, clock, log } = life;
  const onError = (error: unknown): void => log.warn({ error }, "cannot write the view of the queue");
  const view = createViewWriter({ paths, clock, onError });
  return async () => {
    const wishFault = await triggers.takeUp().then(() => null, passingFault);
    life.setConcern("triggers", wishFault);
    const due = book.current() ? await timetable.look() : null;
    const [failed] = due?.failed ?? [];
    life.setConcern("journal", failed ? `${failed.slug}: ${passingFault(failed.error)}` : null);
    const stepsMs = await conductor.look();
    triggers.hearNews();
    life.setConcern("runs", conductor.trouble());
    life.setDetail(settings().isPaused ? "paused: scheduler.enabled is false in config.json" : null);
    view.offer({ settings: settings(), book: book.current(), queue: conductor.queue() });
    const againMs = failed || wishFault !== null ? AGAIN_MS : Infinity;
    return Math.min(stepsMs, againMs, (due?.wakeAt ?? Infinity) - clock.now());
  };
}

function answerAll({ bus, look }: House, { book, triggers }: Pick<RoundParts, "book" | "triggers">): Disposable {
  const answers = new DisposableStack();
  answers.use(
    bus.answer("scheduler.look", () => {
      look();
      return {};
    }),
  );
  answers.use(
    bus.answer("jobs.reload", async () => {
      const { jobs, invalid } = await book.read();
      return { jobs: jobs.size, invalid: [...invalid] };
    }),
  );
  answers.use(bus.answer("job.trigger", (wish) => triggers.answer(wish)));
  return answers;
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
