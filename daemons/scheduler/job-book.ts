import { stat } from "node:fs/promises";
import type { Clock } from "../../shared/clock.ts";
import { describeError, type InstarError, isInstarError, systemCode } from "../../shared/errors.ts";
import { type InvalidJob, type Job, loadJobs } from "../../shared/jobs.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { Slug } from "../../shared/protocol.ts";
import { parseSchedule } from "../../shared/schedule.ts";
import { watchFolder } from "../../shared/watch.ts";
import type { DueJob } from "./due.ts";

/** What jobs.json says, in its last version that was a list of jobs. */
export interface Book {
  readonly jobs: ReadonlyMap<string, Job>;
  readonly invalid: readonly InvalidJob[];
  /** When that version was written; epoch milliseconds. */
  readonly writtenAt: number;
}

export interface JobBook extends AsyncDisposable {
  /** Null: there never was a list that could be read. */
  current(): Book | null;
  /** Reads jobs.json now. Throws CONFIG_INVALID when it is no list of jobs; the last good one stays in force. */
  read(): Promise<Book>;
  /** Reads it for the first time, and from then on whenever it changes. */
  follow(): Promise<void>;
}

export interface JobBookDeps {
  readonly paths: AgentPaths;
  readonly clock: Pick<Clock, "after">;
  /** A version that differs from the last good one, with the slugs of the jobs that changed, came or went. */
  readonly onChange: (book: Book, changed: readonly string[]) => void;
  /** Told of each different fault of the file; null: it is well again. */
  readonly onBroken: (error: InstarError | null) => void;
}

/** Changes are told by the file system; where it keeps silent, this finds them. */
const LOOK_MS = 30_000;

/** A file changed later than so long before it was read may change again under the same times: they go by ticks. */
const SETTLED_MS = 2000;

interface Version {
  /** Null: it says nothing about whether the file is the same. */
  readonly signature: string | null;
  readonly writtenAt: number;
}

export function createJobBook({ paths, clock, onChange, onBroken }: JobBookDeps): JobBook {
  let book: Book | null = null;
  let seen: string | null = null;
  let fault: string | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let timer: Disposable | null = null;
  let watcher: Disposable | null = null;
  let isClosed = false;

  const readNow = async (): Promise<Book> => {
    const version = await versionOf(paths.jobs);
    if (book && fault === null && seen !== null && version.signature === seen) return book;
    try {
      const { jobs, invalid } = await loadJobs(paths);
      const before = book;
      book = { jobs: new Map(jobs.map((job) => [job.slug, job])), invalid, writtenAt: version.writtenAt };
      seen = version.signature;
      if (fault !== null) onBroken(null);
      fault = null;
      const changed = changedSlugs(before, book);
      if (changed.length > 0 || !isSame(before?.invalid, invalid)) onChange(book, changed);
      return book;
    } catch (error) {
      if (isInstarError(error) && fault !== error.message) {
        fault = error.message;
        onBroken(error);
      }
      throw error;
    }
  };
  const read = (): Promise<Book> => {
    const done = last.then(readNow);
    last = done.catch(() => undefined);
    return done;
  };
  const look = (): void => {
    if (!isClosed) void read().catch(ignoreTold);
  };
  const lookByTime = (): void => {
    timer = clock.after(LOOK_MS, lookByTime);
    look();
  };
  return {
    current: () => book,
    read,
    async follow() {
      watcher = watchFolder(paths.instar, { names: ["jobs.json"], onNews: look });
      lookByTime();
      await last;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      timer?.[Symbol.dispose]();
      watcher?.[Symbol.dispose]();
      await last;
    },
  };
}

/** `onBroken` has it. */
function ignoreTold(error: unknown): void {
  if (!isInstarError(error)) throw error;
}

async function versionOf(file: string): Promise<Version> {
  try {
    const { ctimeNs, ctimeMs, mtimeMs, size, ino } = await stat(file, { bigint: true });
    // By ctime: mtime is what people and their tools say it is.
    const isSettled = Math.abs(Date.now() - Number(ctimeMs)) > SETTLED_MS;
    return { signature: isSettled ? `${ino} ${size} ${ctimeNs}` : null, writtenAt: Number(mtimeMs) };
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { signature: "none", writtenAt: 0 };
    throw error;
  }
}

function changedSlugs(before: Book | null, after: Book): string[] {
  const all = new Set([...(before?.jobs.keys() ?? []), ...after.jobs.keys()]);
  return [...all].filter((slug) => !isSame(before?.jobs.get(slug), after.jobs.get(slug)));
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The jobs as the timetable goes by them. `timezone`: of schedules that name none. */
export function timetableOf({ jobs, invalid }: Book, timezone: string): DueJob[] {
  const valid = [...jobs.values()].map((job): DueJob => ({
    slug: job.slug,
    standing: job.enabled ? "on" : "disabled",
    schedule: parseSchedule(job.schedule, job.timezone ?? timezone),
    jitterSeconds: job.jitterSeconds,
    catchUp: job.catchUp,
    catchUpWindowMinutes: job.catchUpWindowMinutes,
  }));
  const named = new Set(invalid.flatMap(({ slug }) => (slug !== undefined && isSlugOfNone(slug, jobs) ? [slug] : [])));
  return [...valid, ...[...named].map(invalidJob)];
}

function isSlugOfNone(slug: string, jobs: Book["jobs"]): boolean {
  return Slug.safeParse(slug).success && !jobs.has(slug);
}

function invalidJob(slug: string): DueJob {
  return { slug, standing: "invalid", schedule: null, jitterSeconds: 0, catchUp: "none", catchUpWindowMinutes: 0 };
}

/** The fault of a file that could not be read, for people. */
export function faultOf(error: InstarError): string {
  return error.hint === undefined ? describeError(error) : `${describeError(error)}; ${error.hint}`;
}
