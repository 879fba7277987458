import type { Frame } from "../frame.ts";

/** How a line is meant; painted on a terminal. */
export type Tone = "plain" | "good" | "bad" | "title";

export interface Screen {
  /** One thing that happened, with the seconds since the beginning. */
  happened(subject: string, text: string, tone?: Tone): void;
  /** A line of text. */
  say(text: string, tone?: Tone): void;
}

const STYLES = { good: "green", bad: "red", title: "bold" } as const;

/** As wide as the longest subject. */
const SUBJECT_WIDTH = 9;

export function createScreen(frame: Pick<Frame, "say" | "paint">): Screen {
  const startedMs = performance.now();
  const paint = (text: string, tone: Tone): string => (tone === "plain" ? text : frame.paint(STYLES[tone], text));
  return {
    happened(subject, text, tone = "plain") {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5);
      frame.say(`${seconds} s  ${subject.padEnd(SUBJECT_WIDTH)}  ${paint(text, tone)}`);
    },
    say: (text, tone = "plain") => frame.say(paint(text, tone)),
  };
}
