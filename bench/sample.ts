/** What one act took, in milliseconds. */
export type Act = () => Promise<number> | number;

/** One of our numbers over its floor or peer, both measured in the same run. */
export interface Ratio {
  readonly what: string;
  readonly ours: number;
  /** What it is measured against. */
  readonly over: string;
  readonly floor: number;
  readonly unit: "ms" | "MiB" | "req/s" | "% of a core";
  /** More is better: requests a second. */
  readonly isRate?: boolean;
  readonly goal?: string;
}

/** Takes turns, so that a busy moment of the machine falls on both; one round before the first is not counted. */
export async function compare(
  ours: Act,
  floor: Act,
  rounds: number,
): Promise<{ ours: readonly number[]; floor: readonly number[] }> {
  const taken = { ours: [] as number[], floor: [] as number[] };
  for (let round = -1; round < rounds; round += 1) {
    const [own, bare] = [await ours(), await floor()];
    if (round < 0) continue;
    taken.ours.push(own);
    taken.floor.push(bare);
  }
  return taken;
}

/** The value that `share` of the samples do not exceed. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

export async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await act();
  return performance.now() - startedMs;
}
