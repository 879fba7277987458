import { EXIT } from "../errors.ts";

/** How a program ended: by a code, by a signal, or unseen, if it was no child of ours. */
export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export type NextAct =
  | { readonly type: "restart"; readonly afterMs: number }
  | { readonly type: "rest"; readonly afterMs: number; readonly detail: string }
  | { readonly type: "leave"; readonly detail: string };

const RESTART_MS = 100;
/** After what does not pass by trying at once. */
export const REST_MS = 5 * 60_000;
/** More than this is no accident any more. */
const MOST = { starts: 30, withinMs: 60_000 } as const;

/** What to do about a program that ended and is wanted. `startsMs`: its starts so far, as `nowMs` by a clock that only grows. */
export function nextAct({ code, signal }: End, startsMs: readonly number[], nowMs: number): NextAct {
  if (code === EXIT.config) return { type: "leave", detail: "its configuration is wrong (exit 78)" };
  if (code === EXIT.taken) return { type: "leave", detail: "another holds its place (exit 73)" };
  const recent = startsMs.filter((at) => nowMs - at < MOST.withinMs);
  if (recent.length < MOST.starts) return { type: "restart", afterMs: RESTART_MS };
  const how = signal ?? (code === null ? "unseen" : `exit ${code}`);
  const detail = `started ${recent.length} times within a minute, last end: ${how}; tried again after 5 minutes`;
  return { type: "rest", afterMs: REST_MS, detail };
}
