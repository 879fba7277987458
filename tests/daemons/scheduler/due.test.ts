import { describe, expect, test } from "vitest";
import { isoInstant } from "../../../shared/clock.ts";
import { jitterMs, parseSchedule } from "../../../shared/schedule.ts";
import { applyRecord, emptyLedger, type Ledger } from "../../../shared/slots.ts";
import { type DueJob, dueOf, type DueRecord, MAX_CLAIMS } from "../../../daemons/scheduler/due.ts";
import { createRandom } from "../../support/seeded.ts";

const START = Date.parse("2026-11-20T12:00:00.000Z");
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function job(change: Partial<DueJob> & { readonly text?: string } = {}): DueJob {
  const { text = "0 * * * *", ...rest } = change;
  const policy = { jitterSeconds: 0, catchUp: "latest", catchUpWindowMinutes: 1440 } as const;
  return { slug: "beat", standing: "on", schedule: parseSchedule(text, "UTC"), ...policy, ...rest };
}

/** A job and its ledger, looked at again and again. */
function story(first: DueJob, startMs = START) {
  let current = first;
  let ledger: Ledger = emptyLedger();
  const all: DueRecord[] = [];
  const look = (nowMs: number, as: DueJob = current): string[] => {
    current = as;
    const { records } = dueOf(current, ledger, nowMs);
    // What becomes of the slots is none of this.
    ledger = { ...records.reduce<Ledger>(applyRecord, ledger), open: new Map() };
    all.push(...records);
    return records.map(tell);
  };
  look(startMs);
  return { look, all, ledger: () => ledger, nextAt: (nowMs: number) => dueOf(current, ledger, nowMs).nextAt };
}

const time = (iso: string): string => iso.slice(11, 19);

function tell(record: DueRecord): string {
  if (record.type === "claimed") return `${record.trigger} ${time(record.slot)}`;
  if (record.type === "gap") return `gap ${time(record.from)}-${time(record.to)} of ${record.count}: ${record.detail}`;
  const ahead = (record.claimedAhead ?? []).map(({ from, to }) => `${time(from)}-${time(to)}`);
  return [`${record.standing} from ${time(record.until)}: ${record.reason}`, ...ahead].join(", ahead ");
}

describe("instants as they come", () => {
  test("a job that is seen first has nothing to make up", () => {
    const { all } = story(job());
    expect(all.map(tell)).toEqual(["on from 12:00:00: first seen"]);
  });

  test("each is claimed once, when it has come", () => {
    const { look } = story(job());
    expect(look(START + HOUR - 1)).toEqual([]);
    expect(look(START + HOUR)).toEqual(["schedule 13:00:00"]);
    expect(look(START + HOUR)).toEqual([]);
    expect(look(START + 2 * HOUR + 900)).toEqual(["schedule 14:00:00"]);
  });

  test("a few seconds late is on time, and nothing is left out", () => {
    const { look } = story(job({ text: "@every 1s", catchUp: "none" }));
    expect(look(START + 3000)).toEqual(["schedule 12:00:01", "schedule 12:00:02", "schedule 12:00:03"]);
  });

  test("the next instant is told, with its jitter", () => {
    const jittered = job({ jitterSeconds: 300 });
    const { look, nextAt } = story(jittered);
    const late = jitterMs("beat", START + HOUR, 300);
    expect(late).toBeGreaterThan(0);
    expect(nextAt(START)).toBe(START + HOUR + late);
    expect(look(START + HOUR + late - 1)).toEqual([]);
    expect(look(START + HOUR + late)).toEqual(["schedule 13:00:00"]);
  });

  test("once is once", () => {
    const { look, nextAt } = story(job({ text: "@at 2026-11-20T12:30" }));
    expect(look(START + 30 * MINUTE)).toEqual(["schedule 12:30:00"]);
    expect(nextAt(START + 30 * MINUTE)).toBeNull();
    expect(look(START + 30 * DAY)).toEqual([]);
  });
});

describe("what was missed is made up by the job's policy", () => {
  test("latest: the last one, and a gap for the others", () => {
    const { look } = story(job());
    expect(look(START + 8.5 * HOUR)).toEqual([
      "gap 12:00:00-19:00:00 of 7: only the latest is made up",
      "catch-up 20:00:00",
    ]);
    expect(look(START + 9 * HOUR)).toEqual(["schedule 21:00:00"]);
  });

  test("latest, and the next is due already: that one is enough", () => {
    const { look } = story(job());
    expect(look(START + 8 * HOUR + 1000)).toEqual([
      "gap 12:00:00-19:00:00 of 7: the next one was due already",
      "schedule 20:00:00",
    ]);
  });

  test("latest, and one was missed: no gap", () => {
    const { look } = story(job());
    expect(look(START + 1.5 * HOUR)).toEqual(["catch-up 13:00:00"]);
  });

  test("latest, and it is older than the window: nothing", () => {
    const { look } = story(job({ catchUpWindowMinutes: 15 }));
    expect(look(START + 2.5 * HOUR)).toEqual(["gap 12:00:00-14:00:00 of 2: older than the catch-up window of 15 min"]);
  });

  test("all: each within the window", () => {
    const { look } = story(job({ catchUp: "all", catchUpWindowMinutes: 180 }));
    expect(look(START + 5.5 * HOUR)).toEqual([
      "gap 12:00:00-14:00:00 of 2: older than the catch-up window of 180 min",
      "catch-up 15:00:00",
      "catch-up 16:00:00",
      "catch-up 17:00:00",
    ]);
  });

  test("all, and the next is due already: it comes after them", () => {
    const { look } = story(job({ catchUp: "all" }));
    expect(look(START + 2 * HOUR)).toEqual(["catch-up 13:00:00", "schedule 14:00:00"]);
  });

  test("all of a day of seconds is made up in rounds", () => {
    const { look, all, nextAt } = story(job({ text: "@every 1s", catchUp: "all", catchUpWindowMinutes: 10 }));
    const now = START + HOUR;
    expect(look(now)).toHaveLength(MAX_CLAIMS + 1);
    expect(nextAt(now)).toBeLessThan(now);
    for (let round = 0; round < 10; round += 1) look(now);
    expect(look(now)).toEqual([]);
    const slots = all.flatMap((record) => (record.type === "claimed" ? [record.slot] : []));
    expect(new Set(slots).size).toBe(600);
    expect(slots).toHaveLength(600);
    expect(tell(all.find(({ type }) => type === "gap") ?? all[0]!)).toContain(" of 3000: older than");
  });

  test("none: a gap", () => {
    const { look } = story(job({ catchUp: "none" }));
    expect(look(START + 3.5 * HOUR)).toEqual(["gap 12:00:00-15:00:00 of 3: catchUp is none"]);
  });

  test("with jitter nothing is missed before its time", () => {
    const { look } = story(job({ catchUp: "none", jitterSeconds: 3600 }));
    const late = jitterMs("beat", START + HOUR, 3600);
    expect(look(START + HOUR + late)).toEqual(["schedule 13:00:00"]);
    expect(look(START + 3.5 * HOUR)[0]).toBe("gap 13:00:00-14:00:00 of 1: catchUp is none");
  });
});

describe("a clock that is set", () => {
  test("forward: what it passed over was missed", () => {
    const { look } = story(job());
    look(START + HOUR);
    expect(look(START + 72.5 * HOUR)).toEqual([
      "gap 13:00:00-11:00:00 of 70: only the latest is made up",
      "catch-up 12:00:00",
    ]);
  });

  test("back: what was claimed is not claimed again, and the rest goes on", () => {
    const { look } = story(job({ text: "@every 10m" }));
    for (let at = START; at <= START + HOUR; at += 10 * MINUTE) look(at);
    const now = START + 25 * MINUTE;
    expect(look(now)).toEqual(["on from 12:25:00: the clock was stepped back by 2100 s, ahead 12:25:00-13:00:00"]);
    for (let at = now; at < START + 70 * MINUTE; at += MINUTE) expect(look(at)).toEqual([]);
    expect(look(START + 70 * MINUTE)).toEqual(["schedule 13:10:00"]);
  });

  test("back into a gap: what nobody claimed comes, the rest not again", () => {
    const { look } = story(job({ text: "@every 10m", catchUp: "none" }));
    look(START + 10 * MINUTE);
    look(START + 55 * MINUTE);
    look(START + 60 * MINUTE);
    expect(look(START + 35 * MINUTE)).toEqual([
      "on from 12:35:00: the clock was stepped back by 1500 s, ahead 12:50:00-13:00:00",
    ]);
    const told = [40, 50, 60, 70].flatMap((minute) => look(START + minute * MINUTE));
    expect(told).toEqual(["schedule 12:40:00", "schedule 12:50:00", "schedule 13:10:00"]);
  });

  test("back and forward: a gap counts what was not claimed before", () => {
    const { look } = story(job({ text: "@every 10m", catchUp: "none" }));
    for (let at = START; at <= START + HOUR; at += 10 * MINUTE) look(at);
    look(START + 25 * MINUTE);
    expect(look(START + 95 * MINUTE)).toEqual(["gap 12:25:00-13:30:00 of 3: catchUp is none"]);
  });

  test("back twice: both stretches are remembered", () => {
    const { look } = story(job({ text: "@every 10m" }));
    for (let at = START; at <= START + HOUR; at += 10 * MINUTE) look(at);
    look(START + 25 * MINUTE);
    look(START + 5 * MINUTE);
    const told = [10, 20, 30, 60, 70].flatMap((minute) => look(START + minute * MINUTE));
    expect(told).toEqual(["schedule 13:10:00"]);
  });

  test("back, and the job is changed: what was claimed ahead stays claimed", () => {
    const beat = job({ text: "@every 10m" });
    const { look } = story(beat);
    for (let at = START; at <= START + HOUR; at += 10 * MINUTE) look(at);
    look(START + 5 * MINUTE);
    look(START + 6 * MINUTE, job({ text: "@every 10m", standing: "disabled" }));
    expect(look(START + 7 * MINUTE, beat)).toEqual(["on from 12:07:00: enabled again, ahead 12:07:00-13:00:00"]);
    const told = [10, 20, 30, 60, 70].flatMap((minute) => look(START + minute * MINUTE));
    expect(told).toEqual(["schedule 13:10:00"]);
  });

  test("a correction by a second is waited for", () => {
    const { look } = story(job({ text: "@every 1s" }));
    look(START + 1000);
    expect(look(START + 100)).toEqual([]);
    expect(look(START + 1000)).toEqual([]);
    expect(look(START + 2000)).toEqual(["schedule 12:00:02"]);
  });
});

describe("a job that changes", () => {
  const later = START + 3.5 * HOUR;
  test.each([
    ["its schedule", job({ text: "30 * * * *" }), "on from 15:30:00: the schedule changed"],
    [
      "its zone",
      job({ schedule: parseSchedule("0 * * * *", "Europe/Berlin") }),
      "on from 15:30:00: the schedule changed",
    ],
    ["it is disabled", job({ standing: "disabled" }), "disabled from 15:30:00: disabled"],
    ["it cannot be read any more", job({ standing: "invalid", schedule: null }), "invalid from 15:30:00: invalid"],
    ["it is removed", job({ standing: "removed", schedule: null }), "removed from 15:30:00: removed"],
  ])("%s: nothing is made up", (_name, changed, told) => {
    const { look } = story(job());
    expect(look(later, changed)).toEqual([told]);
    expect(look(later + 1, changed)).toEqual([]);
  });

  test.each([
    ["disabled", "enabled again"],
    ["invalid", "valid again"],
    ["removed", "added again"],
  ] as const)("%s: nothing is due until it is %s", (standing, reason) => {
    const { look } = story(job());
    const away = job({ standing, schedule: standing === "disabled" ? parseSchedule("0 * * * *", "UTC") : null });
    look(START + MINUTE, away);
    expect(look(later, away)).toEqual([]);
    expect(look(later + MINUTE, job())).toEqual([`on from 15:31:00: ${reason}`]);
    expect(look(START + 4 * HOUR)).toEqual(["schedule 16:00:00"]);
  });

  test("a schedule that changes while the job is disabled is not worth a word", () => {
    const { look } = story(job({ standing: "disabled" }));
    expect(look(later, job({ standing: "disabled", text: "30 * * * *" }))).toEqual([]);
  });
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "whatever the clock does, no instant is claimed twice or left out (seed %i)",
  (seed) => {
    const random = createRandom(seed);
    const text = random.pick(["@every 10s", "*/3 * * * *", "@every 7m"]);
    const catchUp = random.pick(["latest", "all", "none"] as const);
    const beat = job({ text, catchUp, catchUpWindowMinutes: random.int(1, 200), jitterSeconds: random.pick([0, 20]) });
    const { look, all, ledger } = story(beat);
    let now = START;
    for (let round = 0; round < 400; round += 1) {
      const kind = random.int(1, 40);
      if (kind === 1) now += random.int(HOUR, 30 * HOUR);
      else if (kind === 2) now -= random.int(3000, 5 * HOUR);
      else now += random.int(1, 60_000);
      if (kind === 3) look(now, { ...beat, standing: "disabled" });
      for (let again = 0; again < 20 && look(now, beat).length > 0; again += 1);
    }
    const slots = all.flatMap((record) => (record.type === "claimed" ? [Date.parse(record.slot)] : []));
    expect(new Set(slots).size).toBe(slots.length);
    let before: Ledger = emptyLedger();
    const passed = all.flatMap((record) => {
      const from = before.watermark ?? START;
      before = { ...applyRecord(before, record), open: new Map() };
      return record.type === "claimed" ? [] : [{ from, to: before.watermark ?? START }];
    });
    const claimed = new Set(slots);
    const watermark = ledger().watermark ?? 0;
    const unexplained: string[] = [];
    for (let at = START; at <= watermark; at = beat.schedule?.next(at) ?? Number.POSITIVE_INFINITY) {
      const instant = at;
      const isPassed = passed.some(({ from, to }) => instant > from && instant <= to);
      if (at > START && !claimed.has(at) && !isPassed) unexplained.push(isoInstant(at));
    }
    expect(unexplained).toEqual([]);
  },
);
