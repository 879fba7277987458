import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { styleText } from "node:util";
import { type Command, CommanderError, Option } from "commander";
import { CATALOGUE, describeError, EXIT, InstarError, isInstarError, systemCode } from "../shared/errors.ts";
import type { AgentPaths } from "../shared/paths.ts";
import { createProgram } from "./program.ts";

/** What every command is given. */
export interface Frame {
  /** `--dir` as an absolute path, if it was given. */
  readonly dir: string | null;
  /** The agent that `--dir` names, or the nearest above this folder. Throws NO_AGENT. */
  agent(): Promise<AgentPaths>;
  /** Prints `value` as JSON with --json, else what `text` makes of it. */
  print(value: unknown, options: JsonOption, text: () => string): void;
  /** A line on stdout. */
  say(line: string): void;
  /** A line on stderr, for people: `instar: …`. */
  note(line: string): void;
  /** `text` in a style, where stdout is a terminal and NO_COLOR is not set. */
  paint(style: Style, text: string): string;
  /** The exit code of a command that has nothing more to say. */
  leave(exitCode: number): void;
}

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export { misuse } from "./misuse.ts";

export interface JsonOption {
  readonly json?: boolean;
}

/** `--json`, which every reading command has. */
export function jsonOption(): Option {
  return new Option("--json", "print JSON");
}

/** Runs the command that `words` call, and sets the exit code. */
export async function run(words: readonly string[]): Promise<void> {
  process.stdout.on("error", leaveQuietly);
  process.stderr.on("error", leaveQuietly);
  // `instar help job add` is `instar job add --help`: that loads the command whose help it is.
  const asked = words[0] === "help" ? [...words.slice(1), "--help"] : words;
  try {
    if (asked.length === 1 && (asked[0] === "--version" || asked[0] === "-V")) return await printVersion();
    const program = createProgram(createFrame);
    if (asked.length === 0) return program.outputHelp();
    await program.parseAsync(asked, { from: "user" });
  } catch (error) {
    process.exitCode = tell(error);
  }
}

/** What the commands of `program` are given. */
export function createFrame(program: Command): Frame {
  const given = (): string | null => {
    const { dir } = program.opts<{ dir?: string }>();
    return dir === undefined ? null : resolve(dir);
  };
  return {
    get dir() {
      return given();
    },
    agent: () => openAgent(given()),
    print: (value, { json }, text) => write(json ? JSON.stringify(value, null, 2) : text()),
    say: write,
    note: (line) => void process.stderr.write(`instar: ${line}\n`),
    paint: (style, text) => styleText(style, text, { stream: process.stdout }),
    leave(exitCode) {
      process.exitCode = exitCode;
    },
  };
}

function write(text: string): void {
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

async function openAgent(dir: string | null): Promise<AgentPaths> {
  const { agentPaths, exists, findAgent } = await import("../shared/paths.ts");
  if (dir === null) {
    const found = await findAgent(process.cwd());
    if (found !== null) return agentPaths(found);
    const hint = "make one: instar init, or name one: --dir <folder>";
    throw new InstarError("NO_AGENT", "there is no agent in this folder or above it", { hint });
  }
  if (await exists(agentPaths(dir).config)) return agentPaths(dir);
  throw new InstarError("NO_AGENT", `there is no agent in ${dir}`, { hint: `make one: instar init --dir ${dir}` });
}

async function printVersion(): Promise<void> {
  const file = import.meta.filename.endsWith(".ts") ? "../package.json" : "../../package.json";
  const { version } = JSON.parse(await readFile(new URL(file, import.meta.url), "utf8")) as { version: string };
  write(version);
}

/** Says what went wrong, and returns the exit code of it. */
function tell(error: unknown): number {
  // Help was printed: as asked, or in place of an answer to a group without a command.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (isInstarError(error)) {
    say("error", describeError(error));
    if (error.hint !== undefined) say("hint", error.hint);
    return CATALOGUE[error.code].exit;
  }
  // Anything but the system's refusals is a bug, and is told with its place.
  if (systemCode(error) === undefined) throw error;
  say("error", describeError(error));
  return EXIT.failure;
}

function say(kind: "error" | "hint", text: string): void {
  const colour = kind === "error" ? "red" : "cyan";
  process.stderr.write(`instar: ${styleText(colour, `${kind}:`, { stream: process.stderr })} ${text}\n`);
}

/** A reader that has seen enough (`| head`) closes the pipe: nothing is wrong. */
function leaveQuietly(error: unknown): void {
  if (systemCode(error) === "EPIPE") process.exit();
  process.exit(tell(error));
}
