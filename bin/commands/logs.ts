import { type Command, Option } from "commander";
import { closest } from "../../shared/config.ts";
import { systemClock } from "../../shared/clock.ts";
import { type Frame, type JsonOption, jsonOption, misuse } from "../frame.ts";
import { type Level, LEVELS, type LogLine, tellFields } from "../logs/line.ts";
import { followLogs, logEnds, readLogs } from "../logs/read.ts";
import { sinceMs, wholeNumber } from "../options.ts";
import { localTime, plain } from "../text.ts";

interface Options extends JsonOption {
  readonly follow?: boolean;
  readonly limit: number;
  readonly since?: string;
  readonly priority: Level | "err" | "warning";
}

/** Programs that can have a log: one of them that has none yet is no mistake. */
const KNOWN = ["gateway", "scheduler", "supervisor", "tmux"];

export function define(command: Command, frame: Frame): void {
  command
    .argument("[daemon]", KNOWN.join(", "))
    .option("-f, --follow", "go on, with what is written from now on")
    .option("--limit <number>", "so many lines at most", wholeNumber("--limit", 1, 1_000_000), 100)
    .option("--since <time>", "since so long ago (30m, 2h, 7d), or since an instant")
    .addOption(
      new Option("-p, --priority <level>", "this level and above")
        .choices([...LEVELS, "err", "warning"])
        .default("info"),
    )
    .addOption(jsonOption())
    .action(async (daemon: string | undefined, options: Options) => {
      const paths = await frame.agent();
      const ends = await logEnds(paths);
      if (daemon !== undefined) refuseUnknown(daemon, [...new Set([...KNOWN, ...ends.keys()])]);
      const filter = { level: levelOf(options.priority), names: daemon === undefined ? [] : [daemon], ends };
      const since = options.since === undefined ? undefined : sinceMs(options.since, Date.now());
      const lines = await readLogs(paths, { ...filter, sinceMs: since, limit: options.limit });
      if (!options.follow) {
        const text = (): string => lines.map((line) => tell(frame, line)).join("\n") || "nothing was written";
        return frame.print(lines, options, text);
      }
      const show = (line: LogLine): void => frame.say(options.json ? JSON.stringify(line) : tell(frame, line));
      for (const line of lines) show(line);
      // Ended by a signal, as any program that follows.
      const { signal } = new AbortController();
      for await (const line of followLogs(paths, filter, { clock: systemClock, signal })) show(line);
    });
}

function refuseUnknown(daemon: string, known: readonly string[]): void {
  if (known.includes(daemon)) return;
  const meant = closest(daemon, known);
  throw misuse(
    `there is no log of "${daemon}"`,
    meant === undefined ? `of ${known.join(", ")}` : `did you mean ${meant}?`,
  );
}

/** As journalctl says them. */
function levelOf(priority: Options["priority"]): Level {
  if (priority === "err") return "error";
  return priority === "warning" ? "warn" : priority;
}

const STYLES = { debug: "dim", info: "green", warn: "yellow", error: "red" } as const;

function tell(frame: Frame, line: LogLine): string {
  const { at, daemon, level, message } = line;
  const fields = tellFields(line);
  const head = `${localTime(at)}  ${daemon.padEnd(10)} ${frame.paint(STYLES[level], level.padEnd(5))}`;
  return `${head}  ${plain(message)}${fields === "" ? "" : `  ${frame.paint("dim", plain(fields))}`}`;
}
