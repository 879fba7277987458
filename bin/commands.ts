/**
 * The commands. To add one: write `commands/<noun>.ts` (`commands/<noun>/<verb>.ts` for a pair of words) that exports
 *
 *     export function define(command: Command, frame: Frame): void {
 *       command
 *         .argument("<slug>", "the job")
 *         .addOption(jsonOption())
 *         .action(async (slug: string, options: JsonOption) => {
 *           const paths = await frame.agent();
 *           frame.print(value, options, () => "text for people");
 *         });
 *     }
 *
 * and give it a line here. The module is loaded only when its command is called, or its help asked for; what is heavy and
 * not always needed it imports itself, inside its action. It throws InstarError (or `misuse`) for what it refuses; for an
 * exit code without an error it calls `frame.leave`. `npm run docs` writes docs/generated/cli.md from this table.
 */
import type { Command } from "commander";
import type { Frame } from "./frame.ts";

export interface CommandModule {
  /** Gives the command its arguments, options and action. */
  define(command: Command, frame: Frame): void;
}

export interface CommandEntry {
  /** One or two words: "status", "job list". */
  readonly words: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

/** What the first word of a pair stands for. */
export const GROUPS: Readonly<Record<string, string>> = {
  config: "settings of the agent",
  job: "what is done, and when",
  server: "the daemons, in the background",
};

export const COMMANDS: readonly CommandEntry[] = [
  {
    words: "init",
    summary: "make an agent, or complete one; asks nothing, overwrites nothing",
    load: () => import("./commands/init.ts"),
  },
  {
    words: "up",
    summary: "hold the daemons up in the foreground; Ctrl-C ends them, and their runs",
    load: () => import("./commands/up.ts"),
  },
  {
    words: "server start",
    summary: "hold the daemons up in the background",
    load: () => import("./commands/server/start.ts"),
  },
  { words: "server stop", summary: "end the daemons; runs go on", load: () => import("./commands/server/stop.ts") },
  {
    words: "server restart",
    summary: "end the daemons and start them again; runs go on",
    load: () => import("./commands/server/restart.ts"),
  },
  {
    words: "status",
    summary: "what runs; exit 0 when the suite is running, 69 when it is not",
    load: () => import("./commands/status.ts"),
  },
  { words: "job add", summary: "add a job", load: () => import("./commands/job/add.ts") },
  {
    words: "job list",
    summary: "every job: next run, last outcome, failures in a row, what goes on",
    load: () => import("./commands/job/list.ts"),
  },
  { words: "job trigger", summary: "run a job now", load: () => import("./commands/job/trigger.ts") },
  { words: "job enable", summary: "switch a job on", load: () => import("./commands/job/enable.ts") },
  { words: "job disable", summary: "switch a job off", load: () => import("./commands/job/disable.ts") },
  {
    words: "job history",
    summary: "what became of every due instant, newest first",
    load: () => import("./commands/job/history.ts"),
  },
  { words: "job remove", summary: "take a job out; its history stays", load: () => import("./commands/job/remove.ts") },
  { words: "slots", summary: "a job's slots: to come, open, past", load: () => import("./commands/slots.ts") },
  { words: "why", summary: "the whole account of one run or slot", load: () => import("./commands/why.ts") },
  {
    words: "simulate",
    summary: "when jobs will be due, and when the clocks are set",
    load: () => import("./commands/simulate.ts"),
  },
  { words: "events", summary: "what happened", load: () => import("./commands/events.ts") },
  { words: "logs", summary: "what the daemons wrote", load: () => import("./commands/logs.ts") },
  {
    words: "config get",
    summary: "show a setting, or all of them",
    load: () => import("./commands/config/get.ts"),
  },
  {
    words: "config set",
    summary: "write a setting, if the whole is right with it",
    load: () => import("./commands/config/set.ts"),
  },
  {
    words: "config check",
    summary: "say everything that is wrong with config.json",
    load: () => import("./commands/config/check.ts"),
  },
  {
    words: "doctor",
    summary: "examine this machine and the agent; --fix mends what can be mended",
    load: () => import("./commands/doctor.ts"),
  },
  {
    words: "demo",
    summary: "watch all of it work in a throw-away agent, for half a minute",
    load: () => import("./commands/demo.ts"),
  },
  { words: "completion", summary: "a completion script for a shell", load: () => import("./commands/completion.ts") },
];
