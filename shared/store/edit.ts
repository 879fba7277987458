import { open, readdir, realpath, rename, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pause, systemClock } from "../clock.ts";
import { InstarError, systemCode } from "../errors.ts";
import { decodeText, removeFile, syncFolder, temporaryName, writeError } from "./durable.ts";

export interface EditOptions {
  /** For how long to wait for another editor before LOCK_BUSY. */
  readonly waitMs?: number;
  /** After how long a lock that is not renewed counts as left by somebody dead; at least 2000. */
  readonly staleMs?: number;
}

/**
 * Edits a file that people, the agent and the CLI all edit: under a lock, by atomic replace. `edit` gets the text (null:
 * no such file) and returns the new one; it is called again when an attempt has to be repeated.
 * LOCK_BUSY when others hold the lock, STORE_CORRUPT for what is no text, STORE_FULL, UNAVAILABLE.
 *
 * The lock (proper-lockfile: a folder beside the file) can be lost by a holder that is suspended. What keeps such a
 * holder from writing is its draft: a file made *before* the lock is asked for, which only a rename turns into the new
 * content, and which everybody who gets the lock afterwards removes before reading. So of two holders, the earlier one
 * has either written before the later one reads, or finds its draft gone.
 */
export async function editFile(
  path: string,
  edit: (text: string | null) => string,
  { waitMs = 5000, staleMs = 10_000 }: EditOptions = {},
): Promise<void> {
  const target = await followLink(path);
  const giveUpAt = systemClock.monotonicMs() + waitMs;
  for (;;) {
    const result = await tryEdit(target, edit, staleMs);
    if (result === "done") return;
    if (systemClock.monotonicMs() >= giveUpAt) throw await busyError(target, result);
    await pause(systemClock, 10 + Math.random() * 30);
  }
}

/** `locked`: others are at it. `revoked`: we were, for so long that somebody took over. */
type Attempt = "done" | "locked" | "revoked";

async function tryEdit(path: string, edit: (text: string | null) => string, staleMs: number): Promise<Attempt> {
  if (await isLocked(path, staleMs)) return "locked";
  await using draft = await openDraft(path);
  await using lock = await takeLock(path, staleMs);
  if (lock === null) return "locked";
  await clearDrafts(path, draft.path);
  const before = await readEditable(path);
  const after = edit(before);
  if (after === before) return "done";
  return (await draft.commit(after)) ? "done" : "revoked";
}

interface Draft extends AsyncDisposable {
  readonly path: string;
  /** False when somebody else has taken the lock meanwhile and revoked this draft. */
  commit(text: string): Promise<boolean>;
}

async function openDraft(path: string): Promise<Draft> {
  const draft = join(dirname(path), temporaryName(basename(path), DRAFT));
  const handle = await open(draft, "wx", 0o600).catch((error: unknown) => {
    throw writeError(error, path);
  });
  let isRenamed = false;
  return {
    path: draft,
    async commit(text) {
      try {
        await handle.writeFile(text);
        await handle.sync();
        await rename(draft, path);
        isRenamed = true;
      } catch (error) {
        if (systemCode(error) === "ENOENT") return false;
        throw writeError(error, path);
      }
      await syncFolder(dirname(path));
      return true;
    },
    async [Symbol.asyncDispose]() {
      await handle.close();
      if (!isRenamed) await removeFile(draft);
    },
  };
}

const DRAFT = "draft";

/** Removes the drafts of whoever had the lock before, dead or suspended. */
async function clearDrafts(path: string, own: string): Promise<void> {
  for (const draft of await listDrafts(path)) if (draft !== own) await removeFile(draft);
}

async function listDrafts(path: string): Promise<string[]> {
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(`.${basename(path)}.`) && name.endsWith(`.${DRAFT}`))
    .map((name) => join(dirname(path), name));
}

/** The lock, renewed while it is held; null when another has it. */
async function takeLock(path: string, staleMs: number): Promise<AsyncDisposable | null> {
  // Loaded when first used: it hooks the process's exit and patches `fs`, which a reading command has no use for.
  const { default: lockfile } = await import("proper-lockfile");
  try {
    const release = await lockfile.lock(path, {
      realpath: false,
      stale: staleMs,
      // Losing it needs no action: the draft is what is revoked. The default would throw from a timer.
      onCompromised: () => undefined,
    });
    return { [Symbol.asyncDispose]: () => releaseLock(release) };
  } catch (error) {
    // ENOENT: somebody took it for stale in the instant in which we made it.
    if (systemCode(error) === "ELOCKED" || systemCode(error) === "ENOENT") return null;
    throw writeError(error, path);
  }
}

async function releaseLock(release: () => Promise<void>): Promise<void> {
  try {
    await release();
  } catch (error) {
    if (systemCode(error) !== "ERELEASED" && systemCode(error) !== "ENOTACQUIRED") throw error;
  }
}

/** Whether a lock is there that is not stale. One that is dated ahead (the wall clock was put back) is removed. */
async function isLocked(path: string, staleMs: number): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(lockOf(path));
    const ageMs = Date.now() - mtimeMs;
    if (ageMs > -staleMs) return ageMs < staleMs;
    await rmdir(lockOf(path));
    return false;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

function lockOf(path: string): string {
  return `${path}.lock`;
}

async function readEditable(path: string): Promise<string | null> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
  try {
    const text = decodeText(await handle.readFile());
    if (text !== null) return text;
    throw new InstarError("STORE_CORRUPT", `could not edit ${path}: it is no UTF-8 text`, {
      hint: "it was left as it is; mend it, or move it away",
    });
  } finally {
    await handle.close();
  }
}

/** A hand-edited file may be a link into somebody's own collection: what it leads to is edited. */
async function followLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return path;
    throw error;
  }
}

async function busyError(path: string, attempt: "locked" | "revoked"): Promise<InstarError> {
  const hint = "try again in a moment";
  if (attempt === "revoked") {
    const reason = "this process was suspended for so long that another one took over";
    return new InstarError("LOCK_BUSY", `could not edit ${path}: ${reason}`, { hint });
  }
  const pids = await editingPids(path);
  const who = pids.length === 0 ? "another process" : `process ${pids.join(", ")}`;
  return new InstarError("LOCK_BUSY", `could not edit ${path}: ${who} is editing it`, { hint });
}

/** Who has a draft of it: the holder of the lock, and now and then one who is just asking for it. */
async function editingPids(path: string): Promise<readonly string[]> {
  const drafts = await listDrafts(path);
  const pids = drafts.flatMap((draft) => /\.(\d+)-[0-9a-f]+\.draft$/.exec(draft)?.[1] ?? []);
  return [...new Set(pids)].filter((pid) => pid !== String(process.pid));
}
