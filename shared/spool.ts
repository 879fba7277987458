import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import { InstarError, systemCode } from "./errors.ts";
import { exists } from "./paths.ts";
import { openOrder } from "./spool/order.ts";
import { encodeThing, listThings, readThing, removeOlder } from "./spool/things.ts";
import { clearLeftovers, makeFolder, replaceFile, syncFolder, writeError, writeTemporary } from "./store.ts";

/**
 * A folder of things to be done, filled by anyone and emptied by one: tmp/ new/ done/ dead/, as in Maildir. A thing's name
 * is its identity: to put it twice is to put it once.
 */
export interface Spool<T> {
  /** Puts a thing in, durably. "known": one of that name is or was in here. STORE_FULL, TOO_LARGE, UNAVAILABLE. */
  put(name: string, value: T): Promise<"stored" | "known">;
  /** The names in new/, in the order in which the consumer first saw them. The consumer's call. */
  list(): Promise<string[]>;
  /** The thing of that name; null when it is gone, was done before, or cannot be read (then it is in dead/). */
  take(name: string): Promise<T | null>;
  /** It is done, and stays known until it is swept. */
  done(name: string): Promise<void>;
  /** It cannot be done: it rests in dead/, beside its reason, until a person acts. */
  dead(name: string, reason: string): Promise<void>;
  /** Forgets what was done before `olderThanMs`, and what killed writers left. */
  sweep(options: { readonly olderThanMs: number }): Promise<void>;
}

/** The names of things: they are file names, too. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9@._:+-]{0,199}$/;
/** After this, a temporary file was left by a writer that was killed. */
const LEFTOVER_MS = 3_600_000;

/** Opens a spool. Its folders are made with the first thing. */
export function openSpool<S extends z.ZodType>(folder: string, schema: S): Spool<z.output<S>> {
  const order = openOrder(join(folder, "order"));
  const place = (part: "tmp" | "new" | "done" | "dead", file = ""): string => join(folder, part, file);
  const move = async (file: string, part: "done" | "dead"): Promise<void> => {
    try {
      await makeFolder(place(part));
      await rename(join(place("new"), file), join(place(part), file));
      await syncFolder(place(part));
      await syncFolder(place("new"));
    } catch (error) {
      // Moved before, by one who was killed before saying so.
      if (systemCode(error) !== "ENOENT") throw writeError(error, join(place(part), file));
    }
  };
  const setAside = async (file: string, reason: string): Promise<void> => {
    await makeFolder(place("dead"));
    await replaceFile(join(place("dead"), `${file}.reason`), `${reason}\n`);
    await move(file, "dead");
  };
  return {
    async put(name, value) {
      const file = fileOf(name);
      const text = encodeThing(place("new", file), schema, value);
      await makeFolder(place("tmp"));
      await makeFolder(place("new"));
      if ((await exists(place("done", file))) || (await exists(place("dead", file)))) return "known";
      await using temporary = await writeTemporary(place("tmp"), file, text);
      return (await temporary.linkTo(place("new", file))) ? "stored" : "known";
    },
    async list() {
      const { things, foreign } = await listThings(place("new"), nameOf);
      for (const file of foreign) await setAside(file, "it is no thing that was put into this spool");
      return order.takeUp(things);
    },
    async take(name) {
      const file = fileOf(name);
      // Put again while it was moved from new/ to done/.
      if (await exists(place("done", file))) {
        await move(file, "done");
        return null;
      }
      const read = await readThing(place("new", file), schema);
      if (read === null || "value" in read) return read?.value ?? null;
      await setAside(file, read.reason);
      return null;
    },
    done: async (name) => move(fileOf(name), "done"),
    dead: async (name, reason) => setAside(fileOf(name), reason),
    async sweep({ olderThanMs }) {
      await removeOlder(place("done"), olderThanMs);
      await removeOlder(place("tmp"), LEFTOVER_MS);
      await clearLeftovers(join(folder, "order"));
    },
  };
}

function fileOf(name: string): string {
  if (NAME.test(name)) return `${name}.json`;
  throw new InstarError("REQUEST_INVALID", `${JSON.stringify(name)} cannot name a thing in a spool`);
}

function nameOf(file: string): string | null {
  const name = file.endsWith(".json") ? file.slice(0, -5) : "";
  return NAME.test(name) ? name : null;
}
