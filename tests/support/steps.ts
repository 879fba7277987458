import type { StrikePoint } from "./file-steps.ts";

/** Steps that are a folder or a content have a middle. */
const WITH_MIDDLE = new Set(["write", "mkdir"]);

/** Every point at which a program can be struck, by the log that kill-at-step.mjs kept of an undisturbed run. */
export function pointsOf(log: string): readonly StrikePoint[] {
  return log
    .split("\n")
    .filter(Boolean)
    .flatMap((what) => {
      const [step = "", kind = ""] = what.split(" ");
      const whens = WITH_MIDDLE.has(kind) ? (["before", "midway", "after"] as const) : (["before", "after"] as const);
      return whens.map((when) => ({ step: Number(step), when, what }));
    });
}
