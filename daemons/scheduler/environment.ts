import { outsideOfSession } from "../../shared/claude.ts";
import { type Config, resolveSecret } from "../../shared/config.ts";
import { InstarError } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { type RunKey, runIdOf } from "../../shared/runs.ts";

/** What of the scheduler's own environment a run is given; the rest is nobody's business. Others stand in `sessions.env`. */
const HANDED_ON = new Set(
  [
    "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR SSH_AUTH_SOCK CLAUDE_CONFIG_DIR",
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy",
    "NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR",
  ].flatMap((names) => names.split(" ")),
);
const HANDED_ON_BY_BEGIN = /^(LC|XDG)_[A-Z_]+$/;

/** Names that some shell keeps to itself: to set one ends the shell. */
const READ_ONLY = new Set(["BASHOPTS", "BASH_VERSINFO", "EUID", "PPID", "SHELLOPTS", "UID"]);

/** The environment of a run and of its gate. Throws CONFIG_INVALID where the token cannot be read. */
export async function runEnvironment(paths: AgentPaths, config: Config, run: RunKey): Promise<Record<string, string>> {
  const { host, port, auth, sessions } = config;
  return {
    ...handedOn(process.env),
    ...sessions.env,
    INSTAR_AGENT_DIR: paths.dir,
    INSTAR_URL: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    INSTAR_TOKEN: await resolveSecret(paths, auth.token),
    INSTAR_JOB: run.slug,
    INSTAR_SLOT: run.slot,
    INSTAR_RUN_ID: runIdOf(run),
    INSTAR_ATTEMPT: String(run.attempt),
  };
}

/** The part of an environment that a run may see. */
export function handedOn(env: NodeJS.ProcessEnv): Record<string, string> {
  const own = Object.entries(outsideOfSession(env));
  return Object.fromEntries(own.filter(([name]) => HANDED_ON.has(name) || HANDED_ON_BY_BEGIN.test(name)));
}

/** As shell text that exports it, whatever the values hold. Throws CONFIG_INVALID for what no shell can hold. */
export function asShellText(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .map(([name, value]) => {
      if (READ_ONLY.has(name) || !/^[A-Za-z_]\w*$/.test(name) || value.includes("\0"))
        throw new InstarError(
          "CONFIG_INVALID",
          `the environment variable ${JSON.stringify(name)} cannot be handed on`,
          {
            hint: "remove it from sessions.env in config.json",
          },
        );
      return `export ${name}=${quote(value)}\n`;
    })
    .join("");
}

/** A text as one word of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
