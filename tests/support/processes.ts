import { readdir, readFile } from "node:fs/promises";

/** Pids whose command line or environment holds one of these texts, of processes that we may read. Linux only. */
export async function processesWith(texts: readonly string[]): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [command, environment] = await Promise.all([read(pid, "cmdline"), read(pid, "environ")]);
      return texts.some((text) => command.includes(text) || environment.includes(text));
    }),
  );
  return pids.filter((pid, index) => found[index] === true && pid !== process.pid);
}

async function read(pid: number, file: string): Promise<string> {
  // Gone meanwhile, or somebody else's: neither is ours.
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}
