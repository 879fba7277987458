import type { DaemonView, SuiteStatus } from "../shared/agent-status.ts";
import type { Frame, Style } from "./frame.ts";
import { duration, plain, table } from "./text.ts";

const STYLES: Readonly<Record<DaemonView["state"], Style>> = {
  up: "green",
  starting: "yellow",
  waiting: "green",
  off: "dim",
  failed: "red",
  down: "red",
};

/** The suite as `status --json` tells it. */
export function suiteJson({ daemons, ...status }: SuiteStatus): object {
  const views = Object.entries(daemons).map(([name, { complains: _own, ...view }]) => [name, view]);
  return { ...status, daemons: Object.fromEntries(views) };
}

/** The suite for people: who holds it up, where it listens, and each daemon. */
export function suiteText(
  { running, supervisor, url, daemons }: SuiteStatus,
  frame: Pick<Frame, "paint">,
  nowMs: number,
): string {
  const holder =
    supervisor === null ? "but nobody starts again what ends; `instar server start` does" : `in the ${supervisor}`;
  const head = running
    ? `${frame.paint("green", "running")} ${holder}${url === null ? "" : `, ${url}`}`
    : `${frame.paint("red", "not running")}; start it: instar server start`;
  const rows = Object.entries(daemons)
    .filter(([, { state }]) => state !== "off")
    .map(([name, { state, pid, since, restarts, detail }]) => [
      name,
      frame.paint(STYLES[state], state),
      pid === null ? "-" : String(pid),
      since === null ? "-" : duration(nowMs - Date.parse(since)),
      String(restarts),
      plain(detail ?? ""),
    ]);
  return [head, "", table(["DAEMON", "STATE", "PID", "FOR", "RESTARTS", ""], rows)].join("\n");
}
