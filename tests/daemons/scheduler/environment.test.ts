import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { asShellText, handedOn, quote, runEnvironment } from "../../../daemons/scheduler/environment.ts";
import { Config } from "../../../shared/config.ts";
import { agentPaths } from "../../../shared/paths.ts";

const RUN = { slug: "a", slot: "2026-01-01T00:00:00.000Z", attempt: 2 };
const PATHS = agentPaths("/srv/agent");
const config = (more: object = {}): Config => Config.parse({ projectName: "x", auth: { token: "tok" }, ...more });

test("a run knows its agent, its job and itself", async () => {
  expect(await runEnvironment(PATHS, config({ port: 4041 }), RUN)).toMatchObject({
    INSTAR_AGENT_DIR: "/srv/agent",
    INSTAR_URL: "http://127.0.0.1:4041",
    INSTAR_TOKEN: "tok",
    INSTAR_JOB: "a",
    INSTAR_SLOT: "2026-01-01T00:00:00.000Z",
    INSTAR_RUN_ID: "a@20260101T000000.000Z.2",
    INSTAR_ATTEMPT: "2",
  });
});

test("sessions.env is handed on, but names nobody else", async () => {
  const env = { HTTPS_PROXY: "http://proxy", INSTAR_RUN_ID: "another", PATH: "/opt/bin" };
  expect(await runEnvironment(PATHS, config({ sessions: { env } }), RUN)).toMatchObject({
    HTTPS_PROXY: "http://proxy",
    PATH: "/opt/bin",
    INSTAR_RUN_ID: "a@20260101T000000.000Z.2",
  });
});

test("an address of IPv6 is one in the URL too", async () => {
  expect((await runEnvironment(PATHS, config({ host: "::1" }), RUN))["INSTAR_URL"]).toBe("http://[::1]:4040");
});

test("of the house's own environment only what is listed is handed on", () => {
  const env = {
    PATH: "/bin",
    LC_TIME: "de_DE",
    XDG_RUNTIME_DIR: "/run/user/1",
    ANTHROPIC_API_KEY: "secret",
    AWS_SECRET_ACCESS_KEY: "secret",
    TMUX: "/tmp/tmux,1,0",
    CLAUDECODE: "1",
    INSTAR_RUN_ID: "of-another-run",
    NODE_OPTIONS: "--inspect",
  };
  expect(handedOn(env)).toEqual({ PATH: "/bin", LC_TIME: "de_DE", XDG_RUNTIME_DIR: "/run/user/1" });
});

test.each(["sh", "bash"])("%s understands every value", async (shell) => {
  const value = `it's "$HOME" \`id\` \\\n\nand !more\t%s \u{1f600}`;
  const text = `${asShellText({ VALUE: value, OTHER: "" })} printf '%s|%s' "$VALUE" "$OTHER"`;
  const { stdout } = await promisify(execFile)(shell, ["-c", text]);
  expect(stdout).toBe(`${value}|`);
});

test.each([
  ["UID", "1"],
  ["PPID", "1"],
  ["a-b", "1"],
  ["a=b; reboot", "1"],
  ["A", "\0"],
])("%j is refused by name", (name, value) => {
  expect(() => asShellText({ [name]: value })).toThrow(`environment variable ${JSON.stringify(name)} cannot`);
});

test("one word stays one word", () => {
  expect(quote("a'b c")).toBe(`'a'\\''b c'`);
});
