import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rmdir, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export interface TinyDisk extends AsyncDisposable {
  readonly path: string;
}

/**
 * A real file system of 1 MiB, in memory. Root mounts it; others do in a user and mount namespace of their own, whose files
 * are reached through /proc. Null, and said aloud, where the system allows neither.
 */
export async function tinyDisk(): Promise<TinyDisk | null> {
  const path = await mkdtemp(join(tmpdir(), "instar-disk-"));
  const disk = (await mountHere(path)) ?? (await mountInNamespace(path));
  if (disk !== null) return disk;
  await rmdir(path);
  console.warn("SKIPPED: this system lets nobody mount a tmpfs, so a full disk cannot be tried here");
  return null;
}

async function mountHere(path: string): Promise<TinyDisk | null> {
  const run = promisify(execFile);
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", path]);
  } catch {
    return null;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", path]);
      await rmdir(path);
    },
  };
}

async function mountInNamespace(path: string): Promise<TinyDisk | null> {
  const script = 'mount -t tmpfs -o size=1m,mode=0700 tmpfs "$0" && echo mounted && exec cat';
  const holder = spawn("unshare", ["--user", "--map-root-user", "--mount", "sh", "-c", script, path], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const gone = new Promise<string>((resolve) => {
    holder.once("error", () => resolve("gone")).once("close", () => resolve("gone"));
  });
  const said = await Promise.race([once(holder.stdout, "data").then(String), gone]);
  const inside = `/proc/${holder.pid}/root${path}`;
  if (said === "gone" || !(await isTiny(inside))) {
    holder.kill("SIGKILL");
    return null;
  }
  return {
    path: inside,
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await gone;
      await rmdir(path);
    },
  };
}

async function isTiny(path: string): Promise<boolean> {
  const { blocks, bsize } = await statfs(path);
  return blocks * bsize <= 1024 * 1024;
}
