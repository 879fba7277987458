import type { Command } from "commander";
import { type JobView, readJobViews } from "../../../shared/job-views.ts";
import { type Frame, type JsonOption, jsonOption } from "../../frame.ts";
import { localTime, plain, table } from "../../text.ts";

export function define(command: Command, frame: Frame): void {
  command.addOption(jsonOption()).action(async (options: JsonOption) => {
    const paths = await frame.agent();
    const views = await readJobViews(paths, { nowMs: Date.now() });
    frame.print(views, options, () => {
      if (views.length === 0) return "no jobs; add one: instar help job add";
      const valid = views.filter(({ standing }) => standing !== "invalid");
      const invalid = views.filter(({ standing }) => standing === "invalid");
      const head = ["SLUG", "SCHEDULE", "NEXT", "LAST", "OUTCOME", "FAILED", "NOW"];
      const rows = valid.map((view) => row(frame, view));
      return [table(head, rows), ...invalid.map((view) => faultLine(frame, view))].join("\n").trim();
    });
  });
}

function row(frame: Frame, view: JobView): string[] {
  const { slug, schedule, standing, nextRun, lastRun, lastOutcome, consecutiveFailures, queue } = view;
  const failed = consecutiveFailures === 0 ? "-" : frame.paint("red", `${consecutiveFailures} in a row`);
  const next = standing === "disabled" ? frame.paint("dim", "switched off") : localTime(nextRun);
  return [
    slug ?? "-",
    plain(schedule ?? "-"),
    next,
    localTime(lastRun),
    outcome(frame, lastOutcome),
    failed,
    now(queue),
  ];
}

function outcome(frame: Frame, lastOutcome: JobView["lastOutcome"]): string {
  if (lastOutcome === null) return "-";
  return frame.paint(lastOutcome === "success" ? "green" : "red", lastOutcome);
}

/** What goes on of a job: `running`, `2 waiting: all 2 places are taken`. */
function now(queue: JobView["queue"]): string {
  const counts = new Map<string, number>();
  for (const { state, reason } of queue) {
    const text = reason === undefined ? state : `${state}: ${plain(reason)}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts].map(([text, count]) => (count === 1 ? text : `${count} ${text}`)).join("; ");
}

function faultLine(frame: Frame, { slug, invalid }: JobView): string {
  return `${frame.paint("red", "not run:")} ${slug === null ? "" : `${plain(slug)}, `}${plain(invalid ?? "")}`;
}
