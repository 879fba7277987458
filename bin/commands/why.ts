import type { Command } from "commander";
import { InstarError } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import { type Frame, type JsonOption, jsonOption, misuse } from "../frame.ts";
import { localTime } from "../text.ts";

export function define(command: Command, frame: Frame): void {
  command
    .argument("<id>", "a run (news@20261121T083000.000Z.1) or a slot (news@2026-11-21T08:30:00Z)")
    .addOption(jsonOption())
    .action(async (id: string, options: JsonOption) => {
      const { slug, slot, attempt } = await parseId(id);
      const paths = await frame.agent();
      const { knownJob } = await import("../known-job.ts");
      const { readAccount } = await import("../why/account.ts");
      const { tellAccount } = await import("../why/tell.ts");
      await knownJob(paths, slug);
      const account = await readAccount(paths, slug, slot);
      if (account.records.length === 0 && account.passedOver === null) throw await nothingKnown(paths, slug, slot);
      if (attempt !== undefined && !account.records.some((record) => record.attempt === attempt))
        throw new InstarError("NOT_FOUND", `${slug} at ${slot} had no attempt ${attempt}`, {
          hint: `what became of it: instar why ${slug}@${slot}`,
        });
      frame.print(account, options, () => tellAccount(account));
    });
}

/** A run id, or slug@instant with or without the marks of ISO 8601. */
async function parseId(id: string): Promise<{ slug: string; slot: string; attempt?: number }> {
  const { parseRunId } = await import("../../shared/runs.ts");
  const run = parseRunId(id);
  if (run) return run;
  const [, slug = "", instant = ""] = /^([^@]+)@(.+)$/.exec(id) ?? [];
  const marked = instant.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)/, "$1-$2-$3T$4:$5:$6");
  const at = /^\d{4}-\d\d-\d\dT/.test(marked) ? Date.parse(marked) : Number.NaN;
  if (slug === "" || Number.isNaN(at))
    throw misuse(
      `"${id}" names no run and no slot`,
      "as `instar job history <slug> --json` gives them: runId, or slug@dueAt",
    );
  return { slug, slot: new Date(at).toISOString() };
}

async function nothingKnown(paths: AgentPaths, slug: string, slot: string): Promise<InstarError> {
  const { loadLedger } = await import("../../shared/slots.ts");
  const { ledger } = await loadLedger(paths, slug);
  const { watermark } = ledger;
  const isAhead = watermark === null || Date.parse(slot) > watermark;
  const seen = watermark === null ? "the scheduler never saw it" : `it was considered up to ${localTime(watermark)}`;
  return new InstarError("NOT_FOUND", `nothing is recorded of ${slug} at ${slot}`, {
    hint: isAhead
      ? `${seen}; is it in the future, or the scheduler down?`
      : `no due instant of it: instar slots ${slug}`,
  });
}
