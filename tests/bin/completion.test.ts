import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { instar } from "../support/cli.ts";
import { tempDir } from "../support/temp.ts";

const TYPED: readonly (readonly [typed: readonly string[], offered: string])[] = [
  [["instar", "jo"], "job"],
  [["instar", "job", "di"], "disable"],
  [["instar", "--dir", "/x", "job", "tri"], "trigger"],
  [["instar", "job", "add", "--name", "list", "--ov"], "--overlap"],
  [["instar", "events", "--type", "job_fa"], "job_failed"],
  [["instar", "job", "add", "--type", ""], ""],
  [["instar", "logs", "-p", "deb"], "debug"],
  [["instar", "config", "check", "--js"], "--json"],
  [["instar", "why", "--xy"], ""],
];

test("bash is offered what can follow", async () => {
  await using dir = await tempDir();
  const script = join(dir.path, "completion.bash");
  await writeFile(script, (await instar(["completion", "bash"])).stdout);
  const ask = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _instar; printf "%s" "${COMPREPLY[*]}"';
  for (const [typed, offered] of TYPED) {
    const { stdout } = await promisify(execFile)("bash", ["-c", ask, script, ...typed]);
    expect([typed, stdout]).toEqual([typed, offered]);
  }
});

test.each([
  ["zsh", "#compdef instar", "'disable:switch a job off'"],
  ["fish", "# fish completion of instar", "-f -a disable -d 'switch a job off'"],
])("%s gets every command with its meaning", async (shell, head, entry) => {
  const { stdout, exitCode } = await instar(["completion", shell]);
  expect(exitCode).toBe(0);
  expect(stdout.startsWith(`${head}\n`)).toBe(true);
  expect(stdout).toContain(entry);
});
