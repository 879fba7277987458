import { faultsOf, parseJson } from "../config.ts";
import { InstarError } from "../errors.ts";
import { Job } from "./schema.ts";

const MOST_JOBS = 2000;

/** An entry that is not run, and why. */
export interface InvalidJob {
  /** Its place in the list, from 0. */
  readonly index: number;
  readonly slug?: string | undefined;
  readonly reason: string;
}

export interface ParsedJobs {
  readonly jobs: readonly Job[];
  readonly invalid: readonly InvalidJob[];
}

/**
 * What a jobs.json says. One wrong entry is passed over with its reason; a file that is no list of jobs at all is
 * CONFIG_INVALID. `where` is the file's path.
 */
export function parseJobs(text: string, where: string): ParsedJobs {
  const jobs: Job[] = [];
  const invalid: InvalidJob[] = [];
  const places = new Map<string, number>();
  for (const [index, entry] of entriesOf(text, where).entries()) {
    const result = faultsOf(Job, entry, `jobs[${index}]`);
    const slug = slugOf(entry);
    const place = slug === undefined ? undefined : places.get(slug);
    if (place !== undefined) {
      invalid.push({ index, slug, reason: `jobs[${index}].slug: "${slug}" is the slug of jobs[${place}] already` });
      continue;
    }
    if (slug !== undefined) places.set(slug, index);
    if (Array.isArray(result)) invalid.push({ index, slug, reason: reasonOf(result) });
    else jobs.push(result.value);
  }
  return { jobs, invalid };
}

function reasonOf([first = "", ...more]: readonly string[]): string {
  return more.length === 0 ? first : `${first} (and ${more.length} more)`;
}

/** The slug that an entry claims, valid or not. */
export function slugOf(entry: unknown): string | undefined {
  if (typeof entry !== "object" || entry === null || !("slug" in entry)) return undefined;
  return typeof entry.slug === "string" ? entry.slug : undefined;
}

/** The entries of either form of jobs.json. Throws CONFIG_INVALID. */
export function entriesOf(text: string, where: string): readonly unknown[] {
  const hint = `correct ${where}, then: instar job list`;
  const refuse = (message: string): never => {
    throw new InstarError("CONFIG_INVALID", message, { hint });
  };
  const value = parseJson(text, where, { hint });
  const entries = Array.isArray(value) ? value : envelopeOf(value);
  if (entries === null) return refuse(`${where}: must be a list of jobs, or {"version": 1, "jobs": [...]}`);
  if (entries.length > MOST_JOBS) return refuse(`${where}: holds ${entries.length} jobs; ${MOST_JOBS} is the most`);
  return entries;
}

function envelopeOf(value: unknown): readonly unknown[] | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("version" in value) || value.version !== 1 || !("jobs" in value)) return null;
  if (Object.keys(value).length > 2 || !Array.isArray(value.jobs)) return null;
  return value.jobs;
}

/** `text` with other entries in it, in the same form; a file of its own form when there was none. */
export function withEntries(text: string | null, entries: readonly unknown[]): string {
  const hasEnvelope = text !== null && !Array.isArray(JSON.parse(text.replace(/^\uFEFF/, "")));
  return `${JSON.stringify(hasEnvelope ? { version: 1, jobs: entries } : entries, null, 2)}\n`;
}
