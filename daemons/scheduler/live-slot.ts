import type { QueuedSlot } from "../../shared/job-views.ts";
import type { RunKey } from "../../shared/runs.ts";
import type { Ledger, OpenSlot } from "../../shared/slots.ts";
import type { Candidate } from "./admission.ts";
import type { SlotStanding } from "./standing.ts";

/**
 * What this process knows about an open slot beside its ledger. A restart forgets it, and finds it again in the run's
 * folder. Times are monotonic.
 */
export interface LiveSlot {
  readonly key: string;
  readonly run: RunKey;
  readonly open: OpenSlot;
  /** Its place among all open slots, by age; kept over its attempts. */
  readonly order: number;
  phase: SlotStanding["phase"];
  gate: Candidate["gate"];
  /** Its folder was looked into: `phase` and `gate` are true. */
  isSeen: boolean;
  /** A step of it is under way. */
  isBusy: boolean;
  /** The news that its last step had heard. */
  seenNews: number;
  /** It is to be looked at again then. */
  wakeMs: number;
  /** Of a retrying one: its next attempt is due then. */
  dueMs: number;
  /** It was ordered to end, for a later slot. */
  hasToMakeWay: boolean;
  /** Its begin was told. */
  isBeginTold: boolean;
  waitsFor: string | null;
  /** What is in its way, for people. */
  trouble: string | null;
}

export interface LiveSlots {
  all(): readonly LiveSlot[];
  get(slug: string, slot: string): LiveSlot | undefined;
  /** Takes up what the ledgers say is open, and lets go of the rest. */
  sync(ledgers: Iterable<readonly [slug: string, ledger: Ledger]>): void;
}

export function createLiveSlots(): LiveSlots {
  let slots = new Map<string, LiveSlot>();
  let lastOrder = 0;

  return {
    all: () => [...slots.values()],
    get: (slug, slot) => slots.get(keyOf(slug, slot)),
    sync(ledgers) {
      const next = new Map<string, LiveSlot>();
      const fresh: { slug: string; open: OpenSlot; age: string }[] = [];
      for (const [slug, ledger] of ledgers)
        for (const { open, age } of ledger.open.size === 0 ? [] : withAges(ledger)) {
          const key = keyOf(slug, open.slot);
          const known = slots.get(key);
          if (!known) fresh.push({ slug, open, age });
          else next.set(key, isSameStage(known.open, open) ? known : liveSlot(slug, open, known.order));
        }
      fresh.sort((a, b) => (a.age < b.age ? -1 : Number(a.age > b.age)));
      for (const { slug, open } of fresh) {
        lastOrder += 1;
        next.set(keyOf(slug, open.slot), liveSlot(slug, open, lastOrder));
      }
      slots = next;
    },
  };
}

function keyOf(slug: string, slot: string): string {
  return `${slug} ${slot}`;
}

/** A retry is claimed late and keeps its place: no slot counts as younger than those behind it. */
function withAges({ open }: Ledger): { open: OpenSlot; age: string }[] {
  let youngest = "~";
  const slots = [...open.values()].reverse().map((slot) => {
    if (slot.claimedAt < youngest) youngest = slot.claimedAt;
    return { open: slot, age: youngest };
  });
  return slots.reverse();
}

function isSameStage(a: OpenSlot, b: OpenSlot): boolean {
  return a.attempt === b.attempt && a.retryAt === b.retryAt;
}

function liveSlot(slug: string, open: OpenSlot, order: number): LiveSlot {
  return {
    key: keyOf(slug, open.slot),
    run: { slug, slot: open.slot, attempt: open.attempt },
    open,
    order,
    phase: open.retryAt === undefined ? "waiting" : "retrying",
    gate: "needed",
    isSeen: false,
    isBusy: false,
    seenNews: 0,
    wakeMs: 0,
    dueMs: 0,
    hasToMakeWay: false,
    isBeginTold: false,
    waitsFor: null,
    trouble: null,
  };
}

/** As people and other programs see it. */
export function queuedSlot({ run, open, phase, gate, waitsFor, trouble }: LiveSlot): QueuedSlot {
  const state = { retrying: "retrying", started: "running", waiting: gate === "running" ? "gate" : "waiting" } as const;
  const reason = trouble ?? (phase === "waiting" ? waitsFor : null);
  return {
    ...run,
    state: state[phase],
    ...(reason === null ? {} : { reason }),
    since: open.retryAt ?? open.claimedAt,
  };
}
