import { readFile } from "node:fs/promises";
import type { Frame } from "../frame.ts";
import { endsOf } from "./follow.ts";
import { type Account, audit, type Evidence } from "./audit.ts";
import { DEMO_JOBS, DEMO_TURNS } from "./jobs.ts";
import { createScreen, type Screen } from "./screen.ts";
import { type ScriptedModel, startScriptedModel } from "./scripted-model.ts";
import { setStage, type Stage } from "./stage.ts";
import { playStory, type Told } from "./story.ts";

export interface DemoOptions {
  /** Stays, with everything running, until `signal`. */
  readonly keep: boolean;
  /** Works with the owner's own login in place of the scripted model. */
  readonly real: boolean;
  readonly frame: Pick<Frame, "say" | "paint">;
  readonly signal: AbortSignal;
}

/** Shows the whole of it with a throw-away agent; true when nothing was lost and nothing doubled. */
export async function runDemo({ keep, real, frame, signal }: DemoOptions): Promise<boolean> {
  const screen = createScreen(frame);
  await using model = real ? null : await startScriptedModel(DEMO_TURNS);
  await using stage = await setStage({ modelUrl: model?.url ?? null });
  screen.say(`A throw-away agent in ${stage.paths.dir}`, "title");
  for (const { slug, name, schedule } of DEMO_JOBS) {
    const when = schedule.startsWith("@at") ? "on request" : schedule;
    screen.say(`  ${slug.padEnd(8)} ${name} (${when})`);
  }
  screen.say(real ? "Prompts go to your own Claude login.\n" : "Prompts go to a scripted model on this machine.\n");
  const told = await playStory(stage, screen, signal);
  const account = audit(evidenceOf(told, model));
  const problems = [...told.problems, ...account.problems, ...unexpectedEnds(told)];
  sumUp(screen, told, account, problems);
  if (keep) await stay(screen, stage, signal);
  return problems.length === 0;
}

function evidenceOf({ journals, traces }: Told, model: ScriptedModel | null): Evidence {
  const jobs = DEMO_JOBS.map(({ slug, schedule }) => ({ slug, schedule, records: journals.of(slug) }));
  const bills = model && model.exchanges.flatMap(({ sessionId, bill }) => (bill ? [{ sessionId, ...bill }] : []));
  return { jobs, traces, bills };
}

/** Only flaky is to fail. */
function unexpectedEnds({ journals }: Told): string[] {
  return DEMO_JOBS.flatMap(({ slug }) =>
    endsOf(journals, slug)
      .filter(({ outcome }) => outcome !== "success" && !(slug === "flaky" && outcome === "failure"))
      .map(({ slot, outcome, reason }) => `${slug} of ${slot} is a ${outcome}${reason ? `: ${reason}` : ""}`),
  );
}

function sumUp(screen: Screen, { journals }: Told, account: Account, problems: readonly string[]): void {
  screen.say("\nSummary", "title");
  for (const { slug } of DEMO_JOBS) {
    const outcomes = endsOf(journals, slug).map(({ outcome }) => outcome);
    const counts = [...new Set(outcomes)].map((word) => `${outcomes.filter((other) => other === word).length} ${word}`);
    screen.say(`  ${slug.padEnd(8)} ${counts.join(", ")}`);
  }
  const { instants, runs, traces, answers, tokens } = account;
  screen.say(`  ${instants} due instants and ${runs} runs in the journals, ${traces} traces left by the work itself`);
  if (answers > 0)
    screen.say(`  ${answers} answers of ${tokens.toLocaleString("en")} tokens billed by the scripted model`);
  if (problems.length === 0) screen.say("  They agree: nothing lost, nothing doubled.", "good");
  for (const problem of problems) screen.say(`  ${problem}`, "bad");
}

async function stay(screen: Screen, stage: Stage, signal: AbortSignal): Promise<void> {
  for (const { slug } of DEMO_JOBS) await stage.instar("job", "enable", slug);
  const { auth } = JSON.parse(await readFile(stage.paths.config, "utf8")) as { auth: { token: string } };
  screen.say("\nIt runs on until Ctrl-C. From another terminal:", "title");
  screen.say(`  cd ${stage.paths.dir}`);
  screen.say("  instar status; instar job list; instar job history note; instar events -f");
  screen.say(`  curl -H 'authorization: Bearer ${auth.token}' ${stage.url}/jobs`);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
