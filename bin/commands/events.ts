import { type Command, Option } from "commander";
import { systemClock } from "../../shared/clock.ts";
import { EVENT_TYPES, type EventRecord, type EventType, followEvents, readEvents } from "../../shared/events.ts";
import { type Frame, type JsonOption, jsonOption } from "../frame.ts";
import { sinceMs, wholeNumber } from "../options.ts";
import { localTime, plain } from "../text.ts";

interface Options extends JsonOption {
  readonly follow?: boolean;
  readonly limit: number;
  readonly since?: string;
  readonly type?: readonly EventType[];
  readonly job?: string;
}

export function define(command: Command, frame: Frame): void {
  command
    .option("-f, --follow", "go on, with what happens from now on")
    .option("--limit <number>", "so many at most", wholeNumber("--limit", 1, 100_000), 50)
    .option("--since <time>", "since so long ago (30m, 2h, 7d), or since an instant")
    .addOption(new Option("--type <type...>", "only of these types").choices(EVENT_TYPES))
    .option("--job <slug>", "only of this job")
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const paths = await frame.agent();
      const since = options.since === undefined ? undefined : sinceMs(options.since, Date.now());
      const filter = { types: options.type, slug: options.job };
      const wanted = { ...filter, limit: options.limit, sinceMs: since };
      if (!options.follow) {
        const events = await readEvents(paths, wanted);
        const text = (): string => (events.length === 0 ? "nothing happened" : lines(frame, events));
        return frame.print(events, options, text);
      }
      // Ended by a signal, as any program that follows.
      const { signal } = new AbortController();
      for await (const event of followEvents(paths, wanted, { clock: systemClock, signal }))
        frame.say(options.json ? JSON.stringify(event) : lines(frame, [event]));
    });
}

const STYLES = { info: "dim", warn: "yellow", error: "red" } as const;

/** The newest last, as one reads. */
function lines(frame: Frame, events: readonly EventRecord[]): string {
  return events
    .toReversed()
    .map(({ at, type, level, message }) => `${localTime(at)}  ${frame.paint(STYLES[level], type)}  ${plain(message)}`)
    .join("\n");
}
