import { readdir, readFile } from "node:fs/promises";

/** The command line of every process, its words parted by spaces. Linux only: a small machine has no `ps`. */
export async function commandLines(): Promise<string[]> {
  const lines = await Promise.all((await allPids()).map((pid) => read(pid, "cmdline")));
  return lines.map((line) => line.replaceAll("\0", " ").trimEnd());
}

/** Whether a process of this group lives; what is dead and waits to be collected does not. */
export async function isGroupThere(group: number | undefined): Promise<boolean> {
  const stats = await Promise.all((await allPids()).map((pid) => read(pid, "stat")));
  return stats.some((stat) => {
    // proc_pid_stat(5): after the name in parentheses come the state, the parent and the group.
    const [state, , itsGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return itsGroup === String(group) && state !== "Z" && state !== "X";
  });
}

/** Pids whose command line or environment holds one of these texts, of processes that we may read. Linux only. */
export async function processesWith(texts: readonly string[]): Promise<number[]> {
  const pids = await allPids();
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [command, environment] = await Promise.all([read(pid, "cmdline"), read(pid, "environ")]);
      return texts.some((text) => command.includes(text) || environment.includes(text));
    }),
  );
  return pids.filter((pid, index) => found[index] === true && pid !== process.pid);
}

async function allPids(): Promise<number[]> {
  return (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function read(pid: number, file: string): Promise<string> {
  // Gone meanwhile, or somebody else's: neither is ours.
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}
