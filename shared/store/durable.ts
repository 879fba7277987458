import { randomBytes } from "node:crypto";
import { link, mkdir, open, rename, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { describeError, InstarError, isInstarError, systemCode } from "../errors.ts";

/** A whole, synced file under a name that nobody looks for. Disposing removes what was not renamed. */
export interface Temporary extends AsyncDisposable {
  readonly path: string;
  /** Gives it a second name too, durably; false when that name is taken. */
  linkTo(target: string): Promise<boolean>;
  /** Puts it in the place of `target`, whatever is there, durably. */
  renameTo(target: string): Promise<void>;
}

/** Writes `text` under a temporary name in `folder` and syncs it. STORE_FULL, UNAVAILABLE. */
export async function writeTemporary(folder: string, name: string, text: string): Promise<Temporary> {
  const path = join(folder, temporaryName(name, "tmp"));
  try {
    const handle = await open(path, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await removeFile(path);
    throw writeError(error, join(folder, name));
  }
  let isRenamed = false;
  return {
    path,
    async linkTo(target) {
      try {
        await link(path, target);
      } catch (error) {
        if (systemCode(error) === "EEXIST") return false;
        throw writeError(error, target);
      }
      await syncFolder(dirname(target));
      return true;
    },
    async renameTo(target) {
      try {
        await rename(path, target);
        isRenamed = true;
      } catch (error) {
        throw writeError(error, target);
      }
      await syncFolder(dirname(target));
    },
    async [Symbol.asyncDispose]() {
      if (!isRenamed) await removeFile(path);
    },
  };
}

/** Replaces a file by `text`: at every instant it holds the old content or the new, whole. STORE_FULL, UNAVAILABLE. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await using temporary = await writeTemporary(dirname(path), basename(path), text);
  await temporary.renameTo(path);
}

/** Makes a folder and those above it, private (0700), and syncs the names that are new. STORE_FULL, UNAVAILABLE. */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  try {
    const first = await mkdir(path, { recursive: true, mode: 0o700 });
    if (first === undefined) return;
    let parent = dirname(first);
    for (const step of relative(parent, path).split(sep)) {
      await syncFolder(parent);
      parent = join(parent, step);
    }
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Makes the names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What a failed write is called: STORE_FULL for lack of room, else UNAVAILABLE with what the system said. */
export function writeError(error: unknown, path: string): InstarError {
  if (isInstarError(error)) return error;
  const code = systemCode(error);
  const hint = code === undefined ? undefined : HINTS[code];
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new InstarError("STORE_FULL", `could not write ${path}: no room on the disk`, { cause: error, hint });
  }
  const reason = (code === undefined ? undefined : REASONS[code]) ?? describeError(error);
  return new InstarError("UNAVAILABLE", `could not write ${path}: ${reason}`, { cause: error, hint });
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOENT: "its folder does not exist",
  EIO: "the disk failed",
};

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "free some room; what was there before is unharmed",
  EDQUOT: "free some of your quota; what was there before is unharmed",
  EACCES: "the agent's folder belongs to the user who runs Instar",
  EPERM: "the agent's folder belongs to the user who runs Instar",
};

/** A name beside `name` that no two writers share; it tells the writer's pid. */
export function temporaryName(name: string, suffix: string): string {
  return `.${name}.${process.pid}-${randomBytes(6).toString("hex")}.${suffix}`;
}

/** Removes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}

/** The content of an open file as text; null when its bytes are no UTF-8. */
export async function readText(handle: FileHandle): Promise<string | null> {
  return decodeText(await handle.readFile());
}

/** UTF-8 that is really UTF-8: a wrong byte would otherwise be written back as another. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
