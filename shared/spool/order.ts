import { open } from "node:fs/promises";
import { isInstarError, systemCode } from "../errors.ts";
import { replaceFile } from "../store.ts";

/** A thing that lies in new/. */
export interface Arrival {
  readonly name: string;
  readonly mtimeMs: number;
}

/** The order in which things were first seen, kept over restarts. */
export interface Order {
  /** The names of what is there, in order; the order of those seen for the first time is on the disk before this returns. */
  takeUp(arrivals: readonly Arrival[]): Promise<string[]>;
}

/** The order of a spool, kept in `file`: the names, one a line. A damaged line costs no more than its place. */
export function openOrder(file: string): Order {
  let known: readonly string[] | undefined;
  let isSaved = true;
  return {
    async takeUp(arrivals) {
      known ??= await readNames(file);
      const next = inOrder(known, arrivals);
      // Names that went need no writing: they are left out at the next arrival.
      isSaved &&= next.every((name) => known?.includes(name));
      known = next;
      if (!isSaved) isSaved = await save(file, next);
      return [...next];
    },
  };
}

/** What was seen before keeps its place; what is new follows, by the time of its writing, then by name. */
export function inOrder(known: readonly string[], arrivals: readonly Arrival[]): string[] {
  const there = new Set(arrivals.map(({ name }) => name));
  const seen = new Set(known);
  const kept = [...seen].filter((name) => there.has(name));
  const fresh = arrivals.filter(({ name }) => !seen.has(name));
  fresh.sort((a, b) => a.mtimeMs - b.mtimeMs || a.name.localeCompare(b.name, "en", { numeric: true }));
  return [...kept, ...fresh.map(({ name }) => name)];
}

/** A full disk must not keep the consumer from emptying the spool: the order is then saved at a later look. */
async function save(file: string, names: readonly string[]): Promise<boolean> {
  try {
    await replaceFile(file, names.map((name) => `${name}\n`).join(""));
    return true;
  } catch (error) {
    if (isInstarError(error) && error.code === "STORE_FULL") return false;
    throw error;
  }
}

async function readNames(file: string): Promise<string[]> {
  let handle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
  try {
    return (await handle.readFile("utf8")).split("\n").filter((name) => name !== "");
  } finally {
    await handle.close();
  }
}
