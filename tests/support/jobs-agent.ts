import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isoInstant } from "../../shared/clock.ts";
import { type EventRecord, readEvents } from "../../shared/events.ts";
import { askOnce } from "../../shared/bus.ts";
import type { TriggerAnswer } from "../../shared/protocol.ts";
import { type FinishedRecord, loadLedger, slotFolder, SlotRecord } from "../../shared/slots.ts";
import { openJournal } from "../../shared/journal.ts";
import { openWishes } from "../../shared/triggers.ts";
import { RAN } from "./explain.ts";
import { ofType, recordsOf } from "./scheduler-lives.ts";
import { type Started, tempAgent, type TempAgent, type TempAgentOptions } from "./temp-agent.ts";
import { startTmux, type TestTmux } from "./tmux.ts";
import { until } from "./until.ts";

/** A schedule that does not come round during a test. */
export const RARELY = "0 0 1 1 *";

/** An agent with its tmux server, whose jobs a test makes run. */
export interface JobsAgent extends TempAgent {
  readonly tmux: TestTmux;
  /** Starts the scheduler and waits until it is up. */
  schedule(): Promise<Started>;
  /** Wishes that a job run, as a person does, and says what became of it. */
  trigger(slug: string): Promise<TriggerAnswer>;
  /** Puts the wish down and does not wait for an answer. */
  wish(slug: string): Promise<void>;
  /** Waits for the end of the run that an answer is about, or of the last one. */
  ended(slug: string, slot?: string): Promise<FinishedRecord>;
  /** Waits for the last word about so many slots, skipped ones and all; in the order of their last words. */
  words(slug: string, count: number): Promise<readonly string[]>;
  setJobs(jobs: readonly object[]): Promise<void>;
  setConfig(change: Readonly<Record<string, unknown>>): Promise<void>;
  /** Lets work that waits for this file go on. */
  touch(name: string): Promise<void>;
  /** The ids of the runs whose work ran, in order. */
  ran(): Promise<readonly string[]>;
  events(...types: readonly EventRecord["type"][]): Promise<readonly EventRecord[]>;
  /** Writes records as an earlier life would have left them. */
  remember(slug: string, records: readonly SlotRecord[]): Promise<void>;
}

/** A script that says that it ran, and waits for a file of the agent's folder before it ends with `then`. */
export function waitsFor(name: string, then = "exit 0"): { type: "script"; value: string } {
  const wait = `while [ ! -e "$INSTAR_AGENT_DIR/${name}" ]; do sleep 0.05; done`;
  return { type: "script", value: `echo "$INSTAR_RUN_ID" >> "$INSTAR_AGENT_DIR/${RAN}"\n${wait}\n${then}` };
}

interface RareJob {
  readonly slug: string;
  readonly name: string;
  readonly schedule: string;
}

/** A job that runs only when it is wished for. */
export function rareJob(slug: string, more: object): RareJob {
  return { slug, name: slug, schedule: RARELY, ...more };
}

export async function jobsAgent(options: TempAgentOptions = {}): Promise<JobsAgent> {
  const agent = await tempAgent(options);
  const { paths, dir } = agent;
  const tmux = await startTmux(agent);
  const wish = async (slug: string): Promise<string> => {
    const id = randomUUID();
    await openWishes(paths).put(id, { slug, at: isoInstant(Date.now()) });
    return id;
  };
  return {
    ...agent,
    tmux,
    async schedule() {
      const scheduler = await agent.start("scheduler");
      await scheduler.ready;
      return scheduler;
    },
    wish: async (slug) => void (await wish(slug)),
    async trigger(slug) {
      const id = await wish(slug);
      // On a busy machine the first answer may come before anything was decided; under one id it stays one wish.
      for (;;) {
        const answer = await askOnce(paths, "job.trigger", { slug, id }, { timeoutMs: 10_000 });
        if (!UNDECIDED.has(answer.reason ?? "")) return answer;
      }
    },
    ended: (slug, slot) =>
      until(async () => {
        const { open } = (await loadLedger(paths, slug)).ledger;
        const ends = (await ofType(agent, slug, "finished")).filter((end) => slot === undefined || end.slot === slot);
        return ends.some((end) => !open.has(end.slot)) ? ends.findLast((end) => !open.has(end.slot)) : null;
      }),
    words: (slug, count) =>
      until(async () => {
        const words = (await recordsOf(agent, slug)).flatMap(lastWordOf);
        return words.length >= count && words;
      }),
    setJobs: (jobs) => writeFile(paths.jobs, JSON.stringify(jobs)),
    async setConfig(change) {
      const config = JSON.parse(await readFile(paths.config, "utf8")) as object;
      await writeFile(paths.config, JSON.stringify({ ...config, ...change }));
    },
    touch: (name) => writeFile(join(dir, name), ""),
    ran: async () => (await readFile(join(dir, RAN), "utf8").catch(() => "")).split("\n").filter(Boolean),
    events: async (...types) => (await readEvents(paths, { limit: 10_000, types })).toReversed(),
    async remember(slug, records) {
      const month = records[0]?.at.slice(0, 7) ?? "";
      await using journal = await openJournal(join(slotFolder(paths, slug), `${month}.jsonl`), SlotRecord);
      for (const record of records) await journal.append(record);
    },
  };
}

const UNDECIDED: ReadonlySet<string> = new Set(["the scheduler has not come to it yet", "its gate is asked"]);

function lastWordOf(record: SlotRecord): string[] {
  if (record.type === "skipped") return [record.reason];
  if (record.type !== "finished" || record.retryAt !== undefined) return [];
  return [record.retrySkipped === undefined ? record.outcome : `${record.outcome}, no retry: ${record.retrySkipped}`];
}
