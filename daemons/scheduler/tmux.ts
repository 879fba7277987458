import { join } from "node:path";
import { InstarError } from "../../shared/errors.ts";
import { type AgentPaths, PACKAGE_ROOT, readRun } from "../../shared/paths.ts";

/** tmux answers from memory; one that does not is stuck. */
const ANSWER_MS = 10_000;
const WRAPPER = join(PACKAGE_ROOT, "templates/run-wrapper.sh");

/** The agent's tmux server, as far as runs need it. It is somebody else's child and outlives this process. */
export interface Tmux {
  /**
   * Opens a pane that runs the wrapper on a run folder; returns when tmux took it on. One of that name that is there
   * already is as good. UNAVAILABLE: no tmux, or no server. Never starts a server.
   */
  openRun(name: string, folder: string): Promise<void>;
}

/** What asks tmux is a hundred modules, a fifth of a start: they are loaded when they are needed, or when there is time. */
export async function loadTmuxClient(): Promise<Pick<typeof import("execa"), "execa">> {
  return import("execa");
}

export function createTmux(paths: AgentPaths, tmuxPath: () => string): Tmux {
  const ask = async (words: readonly string[]): Promise<void> => {
    // The link in .instar may be too deep for a socket's address.
    const run = await readRun(paths);
    if (run === null) throw unavailable("there is no run folder yet");
    const all = ["-N", "-S", join(run, "tmux.sock"), ...words.map(asOneWord)];
    const { execa } = await loadTmuxClient();
    const result = await execa(tmuxPath(), all, { reject: false, stdin: "ignore", timeout: ANSWER_MS });
    if (!result.failed || /duplicate session/.test(result.stderr)) return;
    throw unavailable(whatFailed(result), result);
  };
  return {
    async openRun(name, folder) {
      // Its own words, without a shell between; nothing of the server's environment reaches the run.
      const tools = [process.env["PATH"], "/usr/bin", "/bin"].filter(Boolean).join(":");
      const bare = ["/usr/bin/env", "-i", `PATH=${tools}`];
      await ask(["new-session", "-d", "-s", name, ...bare, "/bin/sh", WRAPPER, folder]);
    },
  };
}

/** tmux takes a word that ends in a semicolon for the end of a command. */
function asOneWord(word: string): string {
  return word.endsWith(";") ? `${word.slice(0, -1)}\\;` : word;
}

function whatFailed({
  code,
  timedOut,
  stderr,
}: {
  code?: string | undefined;
  timedOut: boolean;
  stderr: string;
}): string {
  if (code === "ENOENT") return "tmux is not installed, or not on the path";
  if (timedOut) return `tmux did not answer within ${ANSWER_MS / 1000} s`;
  if (/no server running|error connecting|server exited|lost server/.test(stderr)) return "no tmux server runs";
  return `tmux: ${stderr.trim() || "failed"}`;
}

function unavailable(message: string, cause?: unknown): InstarError {
  return new InstarError("UNAVAILABLE", message, {
    cause,
    hint: "`instar server start` and `instar up` hold the tmux server of the agent",
  });
}
