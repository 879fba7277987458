import { join } from "node:path";
import { DIST } from "./dist.ts";
import { type Program, type ProgramOptions, startNode } from "./programs.ts";

export interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** Runs `instar` to its end. */
export async function instar(words: readonly string[], options: ProgramOptions = {}): Promise<Said> {
  const program = startInstar(words, options);
  const exitCode = await program.exitCode;
  return { stdout: program.stdout, stderr: program.stderr, exitCode };
}

/** Starts `instar`, for commands that stay. */
export function startInstar(words: readonly string[], options: ProgramOptions = {}): Program {
  return startNode([join(DIST, "bin/instar.js"), ...words], options);
}
