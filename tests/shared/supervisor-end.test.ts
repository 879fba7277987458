import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { living, type Mode, supervise, tmux, tmuxPid, upOther } from "../support/supervised.ts";
import { tempAgent } from "../support/temp-agent.ts";
import { until } from "../support/until.ts";

test.each<[Mode, NodeJS.Signals, boolean]>([
  ["background", "SIGTERM", true],
  ["background", "SIGINT", true],
  ["foreground", "SIGTERM", true],
  ["foreground", "SIGINT", false],
  ["foreground", "SIGHUP", false],
])("a supervisor in the %s that gets %s ends its daemons; runs are kept: %s", async (mode, signal, areKept) => {
  await using agent = await tempAgent();
  const supervisor = supervise(agent, mode);
  const daemon = await upOther(agent);
  const server = await tmuxPid(agent);
  const pane = await until(async () =>
    Number(await tmux(agent, "new-session", "-d", "-P", "-F", "#{pane_pid}", "sleep 1000")),
  );
  supervisor.signal(signal);
  expect(await supervisor.exitCode).toBe(0);
  expect(await living(daemon)).toBe(false);
  expect([await living(server), await living(pane)]).toEqual([areKept, areKept]);
});

test("a tmux server without runs ends with its supervisor", async () => {
  await using agent = await tempAgent();
  const supervisor = supervise(agent);
  const server = await tmuxPid(agent);
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) !== "");
  await upOther(agent);
  expect(await supervisor.stop()).toBe(0);
  expect(await living(server)).toBe(false);
});

test("an interrupted foreground ends work that will not go: without its pane, and deaf to signals", async () => {
  await using agent = await tempAgent();
  const supervisor = supervise(agent, "foreground");
  await until(async () => (await tmux(agent, "display-message", "-p", "#{pid}")) !== "");
  const work = `echo $$ > ${agent.dir}/work; while :; do sleep 0.1; done`;
  const env = ["-e", "INSTAR_RUN_ID=a@b.1", "-e", `INSTAR_AGENT_DIR=${agent.dir}`];
  await tmux(agent, "new-session", "-d", ...env, "sh", "-c", `trap '' HUP TERM; setsid sh -c '${work}' & wait`);
  const pid = await until(async () => Number(await readFile(join(agent.dir, "work"), "utf8")));
  supervisor.signal("SIGINT");
  expect(await supervisor.exitCode).toBe(0);
  expect(await living(pid)).toBe(false);
});

test("a daemon that does not end in time is ended", async () => {
  await using agent = await tempAgent();
  const supervisor = supervise(agent);
  const pid = await upOther(agent);
  process.kill(pid, "SIGSTOP");
  expect(await supervisor.stop()).toBe(0);
  expect(await living(pid)).toBe(false);
});
