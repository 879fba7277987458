import { expect, test } from "vitest";
import { admit, type Candidate, type Terms, type Verdict } from "../../../daemons/scheduler/admission.ts";

const OPEN: Terms = { isPaused: false, maxParallelJobs: 2, quotaRefusal: () => null };
let order = 0;

function slot(key: string, change: Partial<Candidate> = {}): Candidate {
  order += 1;
  const [slug = key] = key.split("/");
  return { key, slug, order, priority: "normal", overlap: "skip", state: "waiting", gate: "passed", ...change };
}

const started = (key: string, change: Partial<Candidate> = {}): Candidate => slot(key, { state: "started", ...change });

function decide(candidates: readonly Candidate[], terms: Partial<Terms> = {}): Record<string, string> {
  const say = (verdict: Verdict): string => {
    if (verdict.act === "skip") return `skip: ${verdict.cause.reason}`;
    return verdict.act === "wait" ? `wait: ${verdict.why}` : verdict.act;
  };
  return Object.fromEntries([...admit(candidates, { ...OPEN, ...terms })].map(([key, verdict]) => [key, say(verdict)]));
}

test("what may run starts, as many as there are places, by priority and then by age", () => {
  const waiting = [slot("a", { priority: "low" }), slot("b"), slot("c", { priority: "critical" }), slot("d")];
  expect(decide(waiting, { maxParallelJobs: 3 })).toEqual({
    a: "wait: concurrency",
    b: "start",
    c: "start",
    d: "start",
  });
  expect(decide([started("x"), ...waiting])).toMatchObject({ x: "go-on", c: "start", b: "wait: concurrency" });
  expect(decide([started("x"), started("y"), started("z"), ...waiting])).toMatchObject({ c: "wait: concurrency" });
});

test("each refusal comes before the next: paused, quota, gate, overlap, concurrency", () => {
  const refuses = { isPaused: true, quotaRefusal: () => ({ reason: "quota" }) as const, maxParallelJobs: 0 };
  const busy = [started("a/1"), slot("a/2", { gate: { reason: "gate", detail: "exit 1" } })];
  expect(decide(busy, refuses)["a/2"]).toBe("skip: paused");
  expect(decide(busy, { ...refuses, isPaused: false })["a/2"]).toBe("skip: quota");
  expect(decide(busy, { maxParallelJobs: 0 })["a/2"]).toBe("skip: gate");
  expect(decide([started("a/1"), slot("a/2")], { maxParallelJobs: 0 })["a/2"]).toBe("skip: overlap");
  expect(decide([slot("a/2")], { maxParallelJobs: 0 })["a/2"]).toBe("wait: concurrency");
});

test("what has started is neither refused for a pause nor for quota", () => {
  const refuses = { isPaused: true, quotaRefusal: () => ({ reason: "quota" }) as const };
  expect(decide([started("a")], refuses)).toEqual({ a: "go-on" });
});

test("quota is asked for each priority", () => {
  const quotaRefusal = (priority: string) => (priority === "low" ? ({ reason: "quota" } as const) : null);
  expect(decide([slot("a", { priority: "low" }), slot("b")], { quotaRefusal })).toEqual({
    a: "skip: quota",
    b: "start",
  });
});

test("a gate runs before a place is taken, and eight at once", () => {
  const needed = Array.from({ length: 9 }, (_, index) => slot(`g${index}`, { gate: "needed" }));
  const running = slot("r", { gate: "running" });
  const verdicts = Object.values(decide([running, ...needed], { maxParallelJobs: 0 }));
  expect(verdicts.filter((verdict) => verdict === "gate")).toHaveLength(7);
  expect(verdicts.filter((verdict) => verdict === "wait: gate")).toHaveLength(1);
  expect(verdicts.filter((verdict) => verdict === "wait: gates")).toHaveLength(2);
});

test("a gate that refused does not hold up the slots behind it", () => {
  expect(decide([slot("a/1", { gate: { reason: "gate" } }), slot("a/2")])).toEqual({
    "a/1": "skip: gate",
    "a/2": "start",
  });
});

test.each<[Candidate["overlap"], Record<string, string>]>([
  ["skip", { "a/2": "skip: overlap", "a/3": "skip: overlap" }],
  ["buffer-one", { "a/1": "go-on", "a/2": "wait: overlap", "a/3": "skip: overlap" }],
  ["buffer-all", { "a/1": "go-on", "a/2": "wait: overlap", "a/3": "wait: overlap" }],
  ["cancel-other", { "a/1": "make-way", "a/2": "skip: overlap", "a/3": "wait: overlap" }],
  ["allow", { "a/1": "go-on", "a/2": "start", "a/3": "start" }],
])("overlap %s, with one running and two due", (overlap, expected) => {
  const slots = [started("a/1", { overlap }), slot("a/2", { overlap }), slot("a/3", { overlap })];
  expect(decide(slots, { maxParallelJobs: 9 })).toMatchObject(expected);
});

test.each<[Candidate["overlap"], Record<string, string>]>([
  ["skip", { "a/1": "start", "a/2": "skip: overlap", "a/3": "skip: overlap" }],
  ["buffer-one", { "a/1": "start", "a/2": "wait: overlap", "a/3": "skip: overlap" }],
  ["buffer-all", { "a/1": "start", "a/2": "wait: overlap", "a/3": "wait: overlap" }],
  ["cancel-other", { "a/1": "skip: overlap", "a/2": "skip: overlap", "a/3": "start" }],
  ["allow", { "a/1": "start", "a/2": "start", "a/3": "start" }],
])("overlap %s, with none running and three due", (overlap, expected) => {
  const slots = ["a/1", "a/2", "a/3"].map((key) => slot(key, { overlap }));
  expect(decide(slots, { maxParallelJobs: 9 })).toEqual(expected);
});

test("overlap is between slots of one job", () => {
  expect(decide([started("a/1"), slot("b/1")])).toEqual({ "a/1": "go-on", "b/1": "start" });
});

test("a slot whose gate still runs holds up those behind it, and replaces none", () => {
  expect(decide([slot("a/1", { gate: "running" }), slot("a/2")])["a/2"]).toBe("skip: overlap");
  const cancels = { overlap: "cancel-other" } as const;
  const slots = [started("a/1", cancels), slot("a/2", { ...cancels, gate: "running" })];
  expect(decide(slots)).toEqual({ "a/1": "go-on", "a/2": "wait: gate" });
});

test("an earlier slot that becomes due again does not replace a later one that runs", () => {
  const retried = slot("a/1", { overlap: "cancel-other" });
  expect(decide([retried, started("a/2", { overlap: "cancel-other" })])).toEqual({
    "a/1": "skip: overlap",
    "a/2": "go-on",
  });
});

test("a buffer has an end", () => {
  const slots = Array.from({ length: 1003 }, (_, index) => slot(`a/${index}`, { overlap: "buffer-all" }));
  const verdicts = Object.values(decide(slots));
  expect(verdicts.filter((verdict) => verdict === "wait: overlap")).toHaveLength(999);
  expect(verdicts.filter((verdict) => verdict === "skip: overlap")).toHaveLength(3);
});
