import type { Turn } from "./scripted-model.ts";

/** What every job of the demo does first of all: the audit counts these lines. */
const LEAVE_A_TRACE = 'echo "$INSTAR_RUN_ID" >> "$INSTAR_AGENT_DIR/ran"';
/** So often fails the job that recovers; one more than it takes for an alert. */
const FAILURES = 3;

/** A day that never comes: such a job runs when it is asked to. */
const NEVER = "@at 2099-12-31T00:00";

function promptFor(task: string): string {
  return `First run this with your Bash tool, exactly as it stands:\n\n${LEAVE_A_TRACE}\n\nThen answer in one short line: ${task}`;
}

export const DEMO_JOBS = [
  {
    slug: "beat",
    name: "A script every two seconds",
    schedule: "@every 2s",
    execute: { type: "script", value: LEAVE_A_TRACE },
  },
  {
    slug: "flaky",
    name: "Fails at first, then recovers",
    schedule: "@every 2s",
    priority: "high",
    execute: {
      type: "script",
      value: `${LEAVE_A_TRACE}\ntest "$(grep -c ^flaky@ "$INSTAR_AGENT_DIR/ran")" -gt ${FAILURES}`,
    },
  },
  {
    slug: "note",
    name: "A prompt every five seconds",
    schedule: "@every 5s",
    model: "haiku",
    execute: { type: "prompt", value: promptFor("what is a good name for a heron?") },
  },
  {
    slug: "report",
    name: "A longer prompt, during which the scheduler is killed",
    schedule: NEVER,
    model: "haiku",
    execute: { type: "prompt", value: promptFor("what does a scheduler do while it is dead?") },
  },
] as const;

export type DemoSlug = (typeof DEMO_JOBS)[number]["slug"];

/** Long enough to kill the scheduler in, and to see it come back. */
const REPORT_MS = 4000;

/** What the scripted model says to the demo's prompts. */
export const DEMO_TURNS: readonly Turn[] = [
  { after: 0, thinking: "A trace is wanted first.", tools: [{ name: "Bash", input: { command: LEAVE_A_TRACE } }] },
  { after: 1, when: /good name/, text: "Ardea, by its family." },
  { after: 1, when: /while it is dead/, delayMs: REPORT_MS, text: "Nothing, and nobody notices: the work goes on." },
];
