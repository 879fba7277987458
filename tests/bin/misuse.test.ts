import { expect, test } from "vitest";
import { instar } from "../support/cli.ts";
import { tempAgent } from "../support/temp-agent.ts";

const JOB = { slug: "news", name: "News", schedule: "0 9 * * *", execute: { type: "script", value: "true" } };
const ADD = ["job", "add", "--slug", "x", "--name", "X"];
const ADD_EVERY = [...ADD, "--schedule", "@every 5m"];
const helpOf = (words: string): string => `instar help ${words}`;

const CALLS: readonly (readonly [words: readonly string[], exitCode: number, error: string, hint?: string])[] = [
  [["evnets"], 64, "unknown command 'evnets'", "did you mean events?"],
  [["xyzzy"], 64, "unknown command 'xyzzy'", "instar help"],
  [["--versoin"], 64, "unknown option '--versoin'", "did you mean --version?"],
  [["--dir"], 64, "option '--dir <folder>' argument missing", "instar help"],
  [["--dir", "/nowhere", "job", "list"], 78, "there is no agent in /nowhere", "make one: instar init --dir /nowhere"],
  [["job", "lst"], 64, "unknown command 'lst'", "did you mean list?"],
  [["job", "list", "--jsno"], 64, "unknown option '--jsno'", "did you mean --json?"],
  [
    ["job", "list", "news"],
    64,
    "too many arguments for 'list'. Expected 0 arguments but got 1: news",
    helpOf("job list"),
  ],
  [["job", "enable"], 64, "missing required argument 'slug'", helpOf("job enable")],
  [["job", "enable", "nwes"], 1, 'there is no job "nwes"', 'did you mean "news"?'],
  [["job", "remove", "backup"], 1, 'there is no job "backup"', "list them: instar job list"],
  [["job", "trigger", "new"], 1, 'there is no job "new"', 'did you mean "news"?'],
  [["job", "history", "nws"], 1, 'there is no job "nws"', 'did you mean "news"?'],
  [["job", "history", "news", "--limit", "0"], 64, '--limit is "0", and must be a whole number from 1 to 10000'],
  [ADD, 64, "required option '--schedule <schedule>' not specified", helpOf("job add")],
  [
    [...ADD, "--schedule", "0 9 * *"],
    64,
    '--schedule: the schedule "0 9 * *" has 4 fields; cron has 5 fields (minute, hour, day, month, weekday), or 6 with seconds first: 0 9 * * 1-5',
    helpOf("job add"),
  ],
  [
    [...ADD_EVERY, "--slug", "A b"],
    64,
    '--slug: must be 1 to 100 of a-z, 0-9 and -, and not begin with -, is "A b"',
    helpOf("job add"),
  ],
  [
    [...ADD_EVERY, "--slug", "news"],
    1,
    'there is a job "news" already',
    "choose another slug, or: instar job remove news",
  ],
  [
    [...ADD_EVERY, "--priority", "urgent"],
    64,
    '--priority: must be "critical" or "high" or "normal" or "low" or "medium", is "urgent"',
    helpOf("job add"),
  ],
  [
    [...ADD_EVERY, "--timeout-minutes", "soon"],
    64,
    '--timeout-minutes: must be a number, is "soon"',
    helpOf("job add"),
  ],
  [[...ADD_EVERY, "--retries", "-1"], 64, "--retries: must be at least 0, is -1", helpOf("job add")],
  [[...ADD_EVERY, "--type", "script"], 64, "--type script needs --execute"],
  [
    [...ADD_EVERY, "--type", "http", "--execute", "x"],
    64,
    '--type: must be "prompt" or "script" or "skill", is "http"',
    helpOf("job add"),
  ],
  [
    [...ADD_EVERY, "--timezone", "Mars"],
    64,
    '--timezone: must be a time zone such as "Europe/Berlin" or "UTC", is "Mars"',
    helpOf("job add"),
  ],
  [
    ["why", "news"],
    64,
    '"news" names no run and no slot',
    "as `instar job history <slug> --json` gives them: runId, or slug@dueAt",
  ],
  [
    ["why", "news@2026-11-20T09:00:00Z"],
    1,
    "nothing is recorded of news at 2026-11-20T09:00:00.000Z",
    "the scheduler never saw it; is it in the future, or the scheduler down?",
  ],
  [["slots", "news", "--next", "many"], 64, '--next is "many", and must be a whole number from 0 to 1000'],
  [["events", "--since", "yesterday"], 64, '--since is "yesterday", and must be like 30m, 2h, 7d or 2026-11-21T08:30'],
  [["logs", "shceduler"], 64, 'there is no log of "shceduler"', "did you mean scheduler?"],
  [
    ["logs", "-p", "loud"],
    64,
    "option '-p, --priority <level>' argument 'loud' is invalid. Allowed choices are debug, info, warn, error, err, warning",
    helpOf("logs"),
  ],
  [["config", "get", "schedular.timezone"], 64, 'config: there is no "schedular"', 'did you mean "scheduler"?'],
  [["config", "set", "port"], 64, "missing required argument 'value'", helpOf("config set")],
  [["config", "set", "port", "many"], 64, 'config.port: must be a number, is "many"'],
  [["config", "set", "port", "0"], 64, "config.port: must be at least 1, is 0"],
  [
    ["config", "set", "scheduler.maxParalelJobs", "3"],
    64,
    'config.scheduler: unknown key "maxParalelJobs", did you mean "maxParallelJobs"?',
  ],
  [["config", "set", "a..b", "3"], 64, '"a..b" is no key of config.json', "such as scheduler.timezone"],
  [["init", "--port", "99999"], 64, '--port is "99999", and must be a whole number from 1 to 65535'],
  [["completion", "ksh"], 64, 'there is no completion for "ksh"', "for bash, zsh, fish"],
];

test("each wrong call is refused with its own words, and the cure where there is one", async () => {
  await using agent = await tempAgent({ jobs: [JOB] });
  const said: unknown[] = [];
  for (const [words] of CALLS) {
    const { stdout, stderr, exitCode } = await instar(words, { cwd: agent.dir });
    said.push({ words, stdout, exitCode, stderr });
  }
  expect(said).toEqual(
    CALLS.map(([words, exitCode, error, hint]) => ({
      words,
      stdout: "",
      exitCode,
      stderr: `instar: error: ${error}\n${hint === undefined ? "" : `instar: hint: ${hint}\n`}`,
    })),
  );
});

test("where no agent is, every command that needs one says so", async () => {
  for (const words of [["job", "list"], ["events"], ["logs"], ["config", "check"], ["slots", "news"]]) {
    expect(await instar(words, { cwd: "/" })).toEqual({
      stdout: "",
      stderr:
        "instar: error: there is no agent in this folder or above it\n" +
        "instar: hint: make one: instar init, or name one: --dir <folder>\n",
      exitCode: 78,
    });
  }
});

test("a group without a command is misuse, and shows what there is", async () => {
  const { stderr, exitCode } = await instar(["job"], { cwd: "/" });
  expect(exitCode).toBe(64);
  expect(stderr).toMatch(/^Usage: instar job /);
});

test.each([[["help", "job", "add"]], [["job", "add", "--help"]]])(
  "%j shows every option, and is no failure",
  async (words) => {
    const { stdout, stderr, exitCode } = await instar(words, { cwd: "/" });
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
    expect(stdout).toContain("--schedule <schedule>");
    expect(stdout).toContain("--catch-up-window-minutes");
  },
);

test("alone, it shows its commands", async () => {
  const { stdout, exitCode } = await instar([], { cwd: "/" });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/Commands:\n {2}init/);
});
