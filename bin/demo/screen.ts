import type { WriteStream } from "node:tty";

/** How a line is meant; shown in colour, where there is any. */
export type Tone = "plain" | "good" | "bad" | "bold";

export interface Screen {
  /** One thing that happened, with the seconds since the beginning. */
  happened(subject: string, text: string, tone?: Tone): void;
  /** A line of text. */
  say(text: string, tone?: Tone): void;
}

const PAINT: Readonly<Record<Tone, readonly [string, string]>> = {
  plain: ["", ""],
  good: ["\u001B[32m", "\u001B[39m"],
  bad: ["\u001B[31m", "\u001B[39m"],
  bold: ["\u001B[1m", "\u001B[22m"],
};

/** As wide as the longest subject. */
const SUBJECT_WIDTH = 9;

export function createScreen(out: Pick<WriteStream, "write">, { colours }: { readonly colours: boolean }): Screen {
  const startedMs = performance.now();
  const paint = (text: string, tone: Tone): string => {
    const [on, off] = PAINT[tone];
    return colours ? `${on}${text}${off}` : text;
  };
  return {
    happened(subject, text, tone = "plain") {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1).padStart(5);
      out.write(`${seconds} s  ${subject.padEnd(SUBJECT_WIDTH)}  ${paint(text, tone)}\n`);
    },
    say: (text, tone = "plain") => void out.write(`${paint(text, tone)}\n`),
  };
}
