import { expect, test } from "vitest";
import { nextStep, type SlotStanding, type Step } from "../../../daemons/scheduler/standing.ts";

const ON: SlotStanding = { phase: "waiting", job: "on", isManual: false, dueInMs: 0, verdict: { act: "start" } };
const SKIP = { act: "skip", cause: { reason: "quota" } } as const;

test.each<[string, Partial<SlotStanding>, Step]>([
  ["admitted: it starts", {}, { step: "work" }],
  ["refused", { verdict: SKIP }, { step: "refuse", cause: { reason: "quota" } }],
  ["its gate is to be asked", { verdict: { act: "gate" } }, { step: "gate" }],
  ["its gate is being asked", { verdict: { act: "wait", why: "gate" } }, { step: "gate" }],
  ["all gates are busy", { verdict: { act: "wait", why: "gates" } }, { step: "wait", why: "gates", forMs: null }],
  [
    "all places taken",
    { verdict: { act: "wait", why: "concurrency" } },
    { step: "wait", why: "concurrency", forMs: null },
  ],
  ["admission was not asked", { verdict: null }, { step: "wait", why: "concurrency", forMs: null }],
  ["running", { phase: "started", verdict: null }, { step: "work" }],
  [
    "running, and a later slot wants its place",
    { phase: "started", verdict: { act: "make-way" } },
    { step: "make-way" },
  ],
  ["running, its job removed", { phase: "started", job: "removed", verdict: null }, { step: "work" }],
  ["running, jobs.json unreadable", { phase: "started", job: "unknown", verdict: null }, { step: "work" }],
  ["waiting, jobs.json unreadable", { job: "unknown", verdict: null }, { step: "wait", why: "jobs", forMs: null }],
  ["waiting, its job disabled", { job: "disabled" }, { step: "refuse", cause: { reason: "disabled" } }],
  ["wished for, its job disabled", { job: "disabled", isManual: true }, { step: "work" }],
  [
    "wished for, its job removed",
    { job: "removed", isManual: true },
    { step: "refuse", cause: { reason: "disabled", detail: "the job was removed" } },
  ],
  [
    "waiting, its job spoilt",
    { job: "invalid" },
    { step: "refuse", cause: { reason: "invalid", detail: "its entry in jobs.json is not valid" } },
  ],
  ["between two attempts", { phase: "retrying", dueInMs: 500 }, { step: "wait", why: "retry", forMs: 500 }],
  ["its next attempt is due", { phase: "retrying", dueInMs: 0 }, { step: "claim-retry" }],
  [
    "between two attempts, its job disabled",
    { phase: "retrying", dueInMs: 500, job: "disabled" },
    { step: "refuse", cause: { reason: "disabled" } },
  ],
  [
    "between two attempts, jobs.json unreadable",
    { phase: "retrying", dueInMs: 0, job: "unknown" },
    { step: "wait", why: "jobs", forMs: null },
  ],
])("%s", (_name, change, step) => {
  expect(nextStep({ ...ON, ...change })).toEqual(step);
});
