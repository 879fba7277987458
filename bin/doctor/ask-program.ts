import { execFile } from "node:child_process";
import { systemCode } from "../../shared/errors.ts";

/** Some programs look for news before they say who they are. */
const LIMIT_MS = 10_000;

/** What a program says of its version; `absent`: there is none, `mute`: it would not say. */
export type Said = { readonly version: string } | "absent" | "mute";

/** Asks a program who it is. `cwd`: where a path with a slash begins. */
export function askVersion(program: string, args: readonly string[], cwd: string): Promise<Said> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd, timeout: LIMIT_MS, killSignal: "SIGKILL" }, (error, stdout) => {
      const code = systemCode(error);
      if (code === "ENOENT" || code === "EACCES") resolve("absent");
      else resolve(error || stdout.trim() === "" ? "mute" : { version: stdout.trim().split("\n")[0] ?? "" });
    });
  });
}
