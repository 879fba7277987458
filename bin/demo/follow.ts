import type { AgentPaths } from "../../shared/paths.ts";
import { loadLedger, type SlotRecord } from "../../shared/slots.ts";

/** More than a demo leaves; the whole journal of a job. */
const ALL_RECORDS = 100_000;

/** The slot journals of a few jobs, read again and again; what is new is told once, in the order of each journal. */
export interface Journals {
  /** Reads on. */
  look(): Promise<void>;
  of(slug: string): readonly SlotRecord[];
}

export function followJournals(
  paths: AgentPaths,
  slugs: readonly string[],
  onRecord: (slug: string, record: SlotRecord) => void | Promise<void>,
): Journals {
  const known = new Map<string, readonly SlotRecord[]>();
  return {
    async look() {
      for (const slug of slugs) {
        const { recent } = await loadLedger(paths, slug, { recentMin: ALL_RECORDS });
        const fresh = recent.slice(known.get(slug)?.length ?? 0);
        known.set(slug, recent);
        for (const record of fresh) await onRecord(slug, record);
      }
    },
    of: (slug) => known.get(slug) ?? [],
  };
}

/** The ends of a job's runs. */
export function endsOf(journals: Pick<Journals, "of">, slug: string): Extract<SlotRecord, { type: "finished" }>[] {
  return journals.of(slug).filter((record) => record.type === "finished");
}
