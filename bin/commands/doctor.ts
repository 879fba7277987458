import type { Command } from "commander";
import { EXIT, isInstarError } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { Diagnosis } from "../doctor/examine.ts";
import { type Frame, type JsonOption, jsonOption } from "../frame.ts";
import { plain, table } from "../text.ts";

interface Options extends JsonOption {
  readonly fix?: boolean;
}

export function define(command: Command, frame: Frame): void {
  command
    .option("--fix", "mend what can be mended without asking")
    .addOption(jsonOption())
    .action(async (options: Options) => {
      const { examine } = await import("../doctor/examine.ts");
      const found = await examine(await agentOrNone(frame), { fix: options.fix ?? false });
      const isWell = !found.some(({ state }) => state === "fault");
      frame.print({ ok: isWell, findings: found }, options, () => told(frame, found));
      frame.leave(isWell ? EXIT.ok : EXIT.failure);
    });
}

/** Without an agent, the machine is examined all the same; a folder that was named must hold one. */
async function agentOrNone(frame: Frame): Promise<AgentPaths | null> {
  try {
    return await frame.agent();
  } catch (error) {
    if (isInstarError(error) && error.code === "NO_AGENT" && frame.dir === null) return null;
    throw error;
  }
}

const STYLES = { ok: "green", fixed: "cyan", advice: "yellow", fault: "red" } as const;

function told(frame: Frame, found: readonly Diagnosis[]): string {
  const rows = found.flatMap(({ check, state, says, hint }) => [
    [frame.paint(STYLES[state], state), check, plain(says)],
    ...(hint === undefined ? [] : [["", "", frame.paint("dim", plain(hint))]]),
  ]);
  const faults = found.filter(({ state }) => state === "fault").length;
  const end = faults === 0 ? "nothing is wrong" : `${faults} ${faults === 1 ? "thing is" : "things are"} wrong`;
  return `${table(["STATE", "CHECK", ""], rows)}\n${end}`;
}
