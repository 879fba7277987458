import { Command, type CommanderError } from "commander";
import { type CommandEntry, COMMANDS, GROUPS } from "./commands.ts";
import type { Frame } from "./frame.ts";
import { misuse } from "./misuse.ts";

/** The whole of the program: each command has no more than its name until it is called. */
export function createProgram(frameOf: (program: Command) => Frame): Command {
  return build(frameOf).program;
}

/** The program with every command defined, for documents and completion. */
export async function createWholeProgram(frameOf: (program: Command) => Frame): Promise<Command> {
  const { program, entries, define } = build(frameOf);
  for (const command of entries.keys()) await define(command);
  return program;
}

interface Built {
  readonly program: Command;
  readonly entries: ReadonlyMap<Command, CommandEntry>;
  readonly define: (command: Command) => Promise<void>;
}

function build(frameOf: (program: Command) => Frame): Built {
  const program = prepare(new Command("instar"))
    .description("a body for a Claude Code agent")
    .usage("[--dir <folder>] <command>")
    .option("--dir <folder>", "the agent's folder (default: this folder, or the nearest above it, that holds .instar/)")
    .option("-V, --version", "print the version")
    .addHelpText("after", "\nEach of them: instar help <command>");
  const frame = frameOf(program);
  const entries = new Map<Command, CommandEntry>();
  const defined = new Set<Command>();
  const define = async (command: Command): Promise<void> => {
    const entry = entries.get(command);
    if (!entry || defined.has(command)) return;
    defined.add(command);
    (await entry.load()).define(command, frame);
  };
  const hook = (parent: Command): Command => parent.hook("preSubcommand", (_, command) => define(command));
  const groups = new Map<string, Command>();
  const groupOf = (name: string): Command => {
    const group = groups.get(name) ?? hook(prepare(program.command(name)).description(GROUPS[name] ?? name));
    groups.set(name, group);
    return group;
  };
  hook(program);
  for (const entry of COMMANDS) {
    const [first = "", second] = entry.words.split(" ");
    const parent = second === undefined ? program : groupOf(first);
    entries.set(prepare(parent.command(second ?? first)).description(entry.summary), entry);
  }
  return { program, entries, define };
}

/** A wrong call is thrown as misuse; a CommanderError means that help was printed. */
function prepare(command: Command): Command {
  return command
    .exitOverride((error) => {
      throw error.exitCode === 0 || error.code === "commander.help" ? error : asMisuse(error, command);
    })
    .helpCommand(false)
    .helpOption("-h, --help", "print this")
    .configureOutput({ outputError: () => undefined });
}

/** Commander says "error: …", and on a line of its own, in brackets, what was probably meant. */
function asMisuse({ message }: CommanderError, command: Command): Error {
  const [fault = "", suggestion = ""] = message.replace(/^error: /, "").split("\n");
  const meant = /^\(Did (.*)\)$/.exec(suggestion)?.[1];
  const words = wordsOf(command);
  const hint = meant === undefined ? `instar help${words === "" ? "" : ` ${words}`}` : `did ${meant}`;
  return misuse(fault.replace(/\.$/, ""), hint);
}

/** What calls a command, without the program's own name. */
export function wordsOf(command: Command): string {
  return command.parent ? `${wordsOf(command.parent)} ${command.name()}`.trim() : "";
}
