import { homedir } from "node:os";
import { join } from "node:path";

/** What a Claude Code session hands to its children to name itself (seen with 2.1.329); settings of the owner are not among it. */
const SESSION_VARIABLES = new Set([
  "AI_AGENT",
  "CLAUDECODE",
  "CLAUDE_EFFORT",
  "CLAUDE_PID",
  "CLAUDE_PROJECT_DIR",
  "CLAUDE_CODE_CHILD_NOTES_DIR",
  "CLAUDE_CODE_CHILD_SESSION",
  "CLAUDE_CODE_ENTRYPOINT",
  "CLAUDE_CODE_EXECPATH",
  "CLAUDE_CODE_MESSAGING_SOCKET",
  "CLAUDE_CODE_MESSAGING_TOKEN",
  "CLAUDE_CODE_SESSION_ATTENDED",
  "CLAUDE_CODE_SESSION_ID",
  "CLAUDE_CODE_SSE_PORT",
]);

/** An environment without the traces of a session that this program may itself run in: a run is nobody's child session. */
export function outsideOfSession(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && !SESSION_VARIABLES.has(name)) kept[name] = value;
  return kept;
}

/** The folder of settings, skills and transcripts under an environment. */
export function claudeFolder(env: NodeJS.ProcessEnv): string {
  return env["CLAUDE_CONFIG_DIR"] || join(env["HOME"] || homedir(), ".claude");
}
