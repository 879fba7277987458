import { join } from "node:path";
import { claudeFolder } from "./claude/environment.ts";
import { exists } from "./paths.ts";

export { claudeFolder, outsideOfSession } from "./claude/environment.ts";
export { type Bill, readClaudeResult, Usage } from "./claude/result.ts";
export { readTranscriptBill } from "./claude/transcript.ts";

/**
 * The arguments of one headless run, after the program's name. The prompt is none of them: it comes on stdin, since every
 * user of the machine can read a process's arguments. `sessionId` must be new: the CLI refuses one that it has seen.
 */
export function claudeArguments(run: { readonly model: string; readonly sessionId: string }): string[] {
  const { model, sessionId } = run;
  // Without a permission mode the CLI would ask questions that nobody is there to answer.
  const unattended = "--dangerously-skip-permissions";
  return ["-p", "--output-format", "json", unattended, "--model", model, "--session-id", sessionId];
}

/** What starts a skill: `/name arguments`, with or without the slash. */
export function skillPrompt(value: string): string {
  const words = value.trim();
  return words.startsWith("/") ? words : `/${words}`;
}

/**
 * Whether the skill of `value` is there, in the agent's folder or the user's. The CLI itself takes an unknown one for
 * plain words to the model, which would be spent for nothing. Skills of plugins (`plugin:name`) are the CLI's to find.
 */
export async function hasSkill(agentDir: string, value: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const name = /^\/(\S+)/.exec(skillPrompt(value))?.[1] ?? "";
  if (name.includes(":")) return true;
  if (!/^[\w.-]{1,100}$/.test(name)) return false;
  const folders = [join(agentDir, ".claude"), claudeFolder(env)];
  const places = folders.flatMap((folder) => [
    join(folder, "skills", name, "SKILL.md"),
    join(folder, "commands", `${name}.md`),
  ]);
  for (const place of places) if (await exists(place)) return true;
  return false;
}
