import { type FSWatcher, watch } from "node:fs";
import { basename } from "node:path";
import { systemCode } from "./errors.ts";

/** How long a folder that cannot be watched is left alone before it is tried again: doubled up to the last. */
const RETRY_MS = { first: 500, last: 30_000 };

/**
 * Tells `onNews`, soon and once for many changes, that something in the folder (or among its `names`) came, went or
 * changed. Where the system cannot watch (no such folder yet, out of watches), it is silent until it can: it spares waiting,
 * and nothing may hang on it. Keeps no process alive.
 */
export function watchFolder(
  folder: string,
  { names, onNews }: { readonly names?: readonly string[]; readonly onNews: () => void },
): Disposable {
  const wanted = names && new Set(names);
  let watcher: FSWatcher | undefined;
  let soon: NodeJS.Immediate | undefined;
  let retry: NodeJS.Timeout | undefined;
  let retryMs = RETRY_MS.first;
  let closed = false;

  const tell = (): void => {
    soon ??= setImmediate(() => {
      soon = undefined;
      onNews();
    });
  };
  const later = (): void => {
    watcher?.close();
    watcher = undefined;
    if (closed || retry) return;
    retry = setTimeout(() => {
      retry = undefined;
      if (open()) tell();
    }, retryMs);
    retry.unref();
    retryMs = Math.min(retryMs * 2, RETRY_MS.last);
  };
  const open = (): boolean => {
    try {
      watcher = watch(folder, { persistent: false }, (kind, name) => {
        // inotify names the watched folder itself when it is moved away or removed.
        if (kind === "rename" && name === basename(folder)) {
          tell();
          later();
        } else if (!wanted || name === null || wanted.has(name)) tell();
      });
      watcher.on("error", later);
      retryMs = RETRY_MS.first;
      return true;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      later();
      return false;
    }
  };

  open();
  return {
    [Symbol.dispose]() {
      closed = true;
      clearTimeout(retry);
      if (soon) clearImmediate(soon);
      watcher?.close();
    },
  };
}
