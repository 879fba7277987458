import type { RunWitness, StopOrder } from "../../shared/runs.ts";

/** Everything that is seen of one run at one look. Times are monotonic. */
export interface RunSight extends RunWitness {
  /** Whether the wrapper that began is there, this very process. */
  readonly alive: boolean;
  /** Since it began. */
  readonly runningMs: number;
  readonly timeoutMs: number;
  /** Since this process last opened a pane for it; null: never. */
  readonly sinceOpenMs: number | null;
  readonly openings: number;
  /** Since this process asked it to end; null: never. */
  readonly sinceTermMs: number | null;
  readonly killed: boolean;
}

/** The one next thing to do about a run. */
export type RunAct =
  | { readonly act: "open" }
  | { readonly act: "close" }
  | { readonly act: "order-stop"; readonly reason: StopOrder["reason"]; readonly detail: string }
  | { readonly act: "signal"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly act: "watch"; readonly forMs: number }
  | { readonly act: "end" };

/** How long a pane may take to begin; a machine that swaps takes seconds. */
const BEGIN_MS = 10_000;
/** A pane that begins nothing this often will not begin anything. */
const MAX_OPENINGS = 3;
/** What a run is given between SIGTERM and SIGKILL. */
export const GRACE_MS = 10_000;
/** After SIGKILL: until the kernel has let go of it. */
const DYING_MS = 1000;

/** What to do next about a run, by all that is seen of it. Nothing else decides: a restart looks and goes on. */
export function nextAct(sight: RunSight): RunAct {
  const { begun, exit } = sight;
  if (exit !== null) return { act: "end" };
  if (begun === null) return beforeItBegins(sight);
  if (begun.pid === 0 || !sight.alive) return { act: "end" };
  if (sight.stop !== null) return whileItIsStopped(sight);
  if (sight.runningMs < sight.timeoutMs) return { act: "watch", forMs: sight.timeoutMs - sight.runningMs };
  return { act: "order-stop", reason: "timeout", detail: `ran longer than ${inWords(sight.timeoutMs)}` };
}

function beforeItBegins({ stop, sinceOpenMs, openings }: RunSight): RunAct {
  if (stop !== null) return { act: "close" };
  if (sinceOpenMs === null) return { act: "open" };
  if (sinceOpenMs < BEGIN_MS) return { act: "watch", forMs: BEGIN_MS - sinceOpenMs };
  return openings < MAX_OPENINGS ? { act: "open" } : { act: "close" };
}

function whileItIsStopped({ sinceTermMs, killed }: RunSight): RunAct {
  if (sinceTermMs === null) return { act: "signal", signal: "SIGTERM" };
  if (sinceTermMs < GRACE_MS) return { act: "watch", forMs: GRACE_MS - sinceTermMs };
  return killed ? { act: "watch", forMs: DYING_MS } : { act: "signal", signal: "SIGKILL" };
}

function inWords(ms: number): string {
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1000} s`;
}
