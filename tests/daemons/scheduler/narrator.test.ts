import { appendFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createNarrator } from "../../../daemons/scheduler/narrator.ts";
import { isoInstant, systemClock } from "../../../shared/clock.ts";
import { InstarError } from "../../../shared/errors.ts";
import { type EventRecord, type Events, openEvents, readEvents } from "../../../shared/events.ts";
import { type AgentPaths, agentPaths } from "../../../shared/paths.ts";
import { applyRecord, emptyLedger, type FinishedRecord, slotFolder, type SlotRecord } from "../../../shared/slots.ts";
import { tempDir } from "../../support/temp.ts";
import { until } from "../../support/until.ts";

/** Today, so that nothing of it is forgotten; never over midnight. */
const START = Date.parse(`${isoInstant(Date.now()).slice(0, 10)}T00:00:00.000Z`);
const at = (second: number): string => isoInstant(START + second * 1000);

const claimed = (second: number): SlotRecord => ({
  v: 1,
  type: "claimed",
  at: at(second),
  slot: at(second),
  attempt: 1,
  trigger: "schedule",
});
const finished = (second: number, outcome: FinishedRecord["outcome"]): SlotRecord => ({
  v: 1,
  type: "finished",
  at: at(second + 0.5),
  slot: at(second),
  attempt: 1,
  outcome,
  startedAt: at(second + 0.1),
  endedAt: at(second + 0.4),
  exitCode: outcome === "success" ? 0 : 1,
  signal: null,
});
const skipped = (second: number): SlotRecord => ({
  v: 1,
  type: "skipped",
  at: at(second + 0.5),
  slot: at(second),
  attempt: 1,
  reason: "quota",
});
const gap: SlotRecord = { v: 1, type: "gap", at: at(20), from: at(10), to: at(15), count: 5, reason: "missed" };

/** Success, three failures, one more, recovery; a skip and a gap between. */
const STORY: readonly SlotRecord[] = [
  [claimed(1), finished(1, "success")],
  [claimed(2), finished(2, "failure"), claimed(3), finished(3, "timeout"), claimed(4), skipped(4)],
  [claimed(5), finished(5, "lost"), claimed(6), finished(6, "failure")],
  [gap],
  [claimed(21), finished(21, "success"), claimed(22), finished(22, "success")],
].flat();

/** What is told of it, in order: each once. */
const TOLD = [
  ["job_triggered 1", "job_completed 1", "job_triggered 2", "job_failed 2", "job_triggered 3", "job_failed 3"],
  ["job_skipped 4", "job_triggered 5", "job_failed 5", "job_alert 5", "job_triggered 6", "job_failed 6"],
  ["job_missed -", "job_triggered 21", "job_completed 21", "job_recovered 21", "job_triggered 22", "job_completed 22"],
].flat();

const nameOf = ({ type, slot }: EventRecord): string =>
  `${type} ${slot === undefined ? "-" : (Date.parse(slot) - START) / 1000}`;

async function linesTold(paths: AgentPaths): Promise<string[]> {
  const file = join(paths.state("scheduler"), `events-${at(0).slice(0, 10)}.jsonl`);
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").filter(Boolean);
}

function narrate(paths: AgentPaths, events: Pick<Events, "tell" | "isTold">, onTrouble = (_text: string | null) => {}) {
  return createNarrator({
    paths,
    clock: systemClock,
    events,
    priorityOf: () => "normal",
    onTold: () => undefined,
    onTrouble,
  });
}

async function writeJournal(paths: AgentPaths, records: readonly SlotRecord[]): Promise<void> {
  await mkdir(slotFolder(paths, "job"), { recursive: true });
  const text = records.map((record) => `${JSON.stringify(record)}\n`).join("");
  await appendFile(join(slotFolder(paths, "job"), `${at(0).slice(0, 7)}.jsonl`), text);
}

test("each record is told as it is heard, and the incident once", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  {
    await using events = await openEvents(paths, "scheduler");
    await using narrator = narrate(paths, events);
    let before = emptyLedger();
    for (const record of STORY) {
      const after = applyRecord(before, record);
      narrator.hear({ slug: "job", record, before, after });
      before = after;
    }
  }
  const told = (await linesTold(paths)).map((line) => nameOf(JSON.parse(line) as EventRecord));
  expect(told).toEqual(TOLD);
});

test("killed after any event, the next life tells the rest: each once, in order", async () => {
  for (let killedAfter = 0; killedAfter <= TOLD.length; killedAfter++) {
    await using dir = await tempDir();
    const paths = agentPaths(dir.path);
    await writeJournal(paths, STORY);
    const tellAll = async (): Promise<void> => {
      await using events = await openEvents(paths, "scheduler");
      await using narrator = narrate(paths, events);
      await narrator.catchUp(["job"]);
    };
    await tellAll();
    const whole = await linesTold(paths);
    const file = join(paths.state("scheduler"), `events-${at(0).slice(0, 10)}.jsonl`);
    await writeFile(
      file,
      whole
        .slice(0, killedAfter)
        .map((line) => `${line}\n`)
        .join(""),
    );
    await tellAll();
    const told = (await linesTold(paths)).map((line) => nameOf(JSON.parse(line) as EventRecord));
    expect([killedAfter, told]).toEqual([killedAfter, TOLD]);
  }
});

test("a long journal is read only as far back as something may be untold", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  const many = Array.from({ length: 400 }, (_, index) => [claimed(index), finished(index, "success")]).flat();
  await writeJournal(paths, many);
  await using events = await openEvents(paths, "scheduler");
  const asked: string[] = [];
  const spy: Pick<Events, "tell" | "isTold"> = {
    tell: (event) => events.tell(event),
    async isTold(event) {
      asked.push(event.id);
      return await events.isTold(event);
    },
  };
  await using first = narrate(paths, spy);
  await first.catchUp(["job"]);
  await until(async () => (await linesTold(paths)).length === 800);
  asked.length = 0;
  await using second = narrate(paths, spy);
  await second.catchUp(["job"]);
  expect(asked).toHaveLength(1);
});

test("what cannot be told holds up no start", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  await writeJournal(paths, [claimed(1), finished(1, "success")]);
  await using events = await openEvents(paths, "scheduler");
  const told = Promise.withResolvers<void>();
  const tell: Events["tell"] = async (event) => {
    await told.promise;
    return events.tell(event);
  };
  await using narrator = narrate(paths, { ...events, tell });
  await narrator.catchUp(["job"]);
  expect(await linesTold(paths)).toEqual([]);
  told.resolve();
  await until(async () => (await linesTold(paths)).length === 2);
});

test("an alert is told once over lives, as long as the incident lasts", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  for (let life = 1; life <= 5; life++) {
    await writeJournal(paths, [claimed(life), finished(life, "failure")]);
    await using events = await openEvents(paths, "scheduler");
    await using narrator = narrate(paths, events);
    await narrator.catchUp(["job"]);
  }
  const alerts = await readEvents(paths, { limit: 100, types: ["job_alert"] });
  expect(alerts.map(nameOf)).toEqual(["job_alert 3"]);
});

test("what cannot be told now is told later, in its order, and said meanwhile", async () => {
  await using dir = await tempDir();
  const paths = agentPaths(dir.path);
  const told: string[] = [];
  const troubles: (string | null)[] = [];
  let isFull = true;
  const events: Pick<Events, "tell" | "isTold"> = {
    async tell(event) {
      if (isFull) throw new InstarError("STORE_FULL", "no space left");
      told.push(nameOf(event));
      return true;
    },
    isTold: async () => false,
  };
  await using narrator = narrate(paths, events, (text) => troubles.push(text));
  const entry = { slug: "job", before: emptyLedger(), after: emptyLedger() };
  narrator.hear({ ...entry, record: skipped(1) });
  narrator.hear({ ...entry, record: skipped(2) });
  await until(() => troubles.includes("no space left"));
  isFull = false;
  await until(() => told.length === 2);
  expect(told).toEqual(["job_skipped 1", "job_skipped 2"]);
  expect(troubles.at(-1)).toBeNull();
});
