import type { GapRecord, SlotRecord } from "../../shared/slots.ts";
import { duration, localTime, plain } from "../text.ts";
import type { RunAccount, SlotAccount } from "./account.ts";

/** A line of the account: when, and what. */
interface Line {
  readonly at: string;
  readonly text: string;
}

const TRIGGERS = {
  schedule: "its instant came",
  "catch-up": "made up, since nobody looked at its instant",
  manual: "wished by hand",
  retry: "tried again after a failure",
} as const;

/** The account of a slot as sentences, in the order in which it happened. */
export function tellAccount({ slug, slot, records, passedOver, runs, events }: SlotAccount): string {
  const head = `${slug}, due ${localTime(slot)} (${slot})`;
  if (records.length === 0 && passedOver) return `${head}\n\n${tellPassedOver(passedOver)}`;
  const lines = [...records.map(lineOf), ...runs.flatMap(linesOf)].sort((a, b) => (a.at < b.at ? -1 : 1));
  return [
    head,
    "",
    ...lines.map(({ at, text }) => `${localTime(at)}  ${text}`),
    "",
    conclusion(records),
    ...runs.flatMap(tellRun),
    ...(events.length === 0 ? [] : ["", `Told as: ${events.map(({ id }) => id).join(", ")}`]),
  ].join("\n");
}

function tellPassedOver(record: GapRecord | Extract<SlotRecord, { type: "considered" }>): string {
  if (record.type === "gap") {
    const { from, to, count, reason, detail, at } = record;
    const why = detail === undefined ? reason : `${reason}: ${plain(detail)}`;
    return `Not run: one of ${count} instants after ${localTime(from)} up to ${localTime(to)}, ${why} (recorded ${localTime(at)}).`;
  }
  return `Not run: ${plain(record.reason)} (the job stood ${record.standing}; recorded ${localTime(record.at)}).`;
}

function lineOf(record: SlotAccount["records"][number]): Line {
  const { at, attempt } = record;
  if (record.type === "claimed") return { at, text: `attempt ${attempt} claimed: ${TRIGGERS[record.trigger]}` };
  if (record.type === "skipped")
    return { at, text: `skipped: ${record.reason}${record.detail === undefined ? "" : `, ${plain(record.detail)}`}` };
  if (record.retrySkipped !== undefined) return { at, text: `not tried again: ${record.retrySkipped}` };
  const next = record.retryAt === undefined ? "" : `; next attempt ${localTime(record.retryAt)}`;
  return { at, text: `attempt ${attempt} recorded as ${tellEnd(record)}${next}` };
}

type Finished = Extract<SlotRecord, { type: "finished" }>;

function tellEnd({ outcome, exitCode, signal, reason, startedAt, endedAt }: Finished): string {
  const how = [
    ...(reason !== undefined || exitCode === null ? [] : [`exit ${exitCode}`]),
    ...(reason !== undefined || signal === null ? [] : [signal]),
    ...(startedAt === null ? [] : [`after ${duration(Date.parse(endedAt) - Date.parse(startedAt))}`]),
    ...(reason === undefined ? [] : [plain(reason)]),
  ];
  return how.length === 0 ? outcome : `${outcome} (${how.join(", ")})`;
}

function linesOf({ attempt, gate, run }: RunAccount): Line[] {
  return [...witnessLines(gate, `the gate of attempt ${attempt}`), ...witnessLines(run, `attempt ${attempt}`)];
}

function witnessLines(witness: RunAccount["gate"], who: string): Line[] {
  if (!witness) return [];
  const { begun, exit, stop } = witness;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return [
    ...(begun && begun.pid > 0 ? [{ at: iso(begun.startedAt), text: `${who} began, process ${begun.pid}` }] : []),
    ...(stop ? [{ at: stop.at, text: `${who} was told to end: ${stop.reason}, ${plain(stop.detail)}` }] : []),
    ...(exit ? [{ at: iso(exit.endedAt), text: `${who} left with exit ${exit.code}` }] : []),
  ];
}

function conclusion(records: SlotAccount["records"]): string {
  const last = records.at(-1);
  if (last?.type === "skipped") return `Outcome: skipped, ${last.reason}.`;
  if (last?.type !== "finished") return "Outcome: none yet, it goes on or waits.";
  if (last.retryAt !== undefined) return `Outcome: none yet, attempt ${last.attempt + 1} is due.`;
  return `Outcome: ${tellEnd(last)}.`;
}

function tellRun({ runId, folder, output }: RunAccount): string[] {
  if (output === null) return [];
  const lines = output
    .trimEnd()
    .split("\n")
    .slice(-10)
    .map((line) => `  ${plain(line)}`);
  return ["", `The last that ${runId} said (${folder}/output):`, ...lines];
}
