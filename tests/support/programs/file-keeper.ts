/**
 * Keeps files in a folder as the daemons do, and says on stdout what it has been promised: `file-keeper.ts <folder> <what>
 * [<word>…]`. Each line said is on its way before the next step is taken.
 */
import { appendFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { describeError, isInstarError } from "../../../shared/errors.ts";
import { openJournal } from "../../../shared/journal.ts";
import { openSpool } from "../../../shared/spool.ts";
import { editFile, openStore } from "../../../shared/store.ts";

const [, , folder = "", what = "", ...words] = process.argv;
const say = (line: string): void => void writeSync(1, `${line}\n`);

const acts: Readonly<Record<string, () => Promise<void>>> = {
  /** store <count>: counts up to it, each count a document of its own. */
  async store() {
    const store = openStore(join(folder, "state/count.json"), Count, { count: 0, padding: "" }, { version: 1 });
    for (let left = Number(words[0]); left > 0; left--) {
      const { count } = await store.update((now) => ({ count: now.count + 1, padding: PADDING }));
      say(String(count));
    }
  },
  /** journal <from> <to>: appends these numbers, every other one unsynced. */
  async journal() {
    await using journal = await openJournal(join(folder, "state/month.jsonl"), Numbered);
    for (let number = Number(words[0]); number <= Number(words[1]); number++) {
      await journal.append({ number, padding: PADDING }, { sync: number % 2 === 1 });
      say(String(number));
    }
  },
  /** put <name>…: puts these into a spool. */
  async put() {
    const spool = openSpool(join(folder, "spool"), Named);
    for (const name of words) say(`${await spool.put(name, { name })} ${name}`);
  },
  /** empty: takes what is in the spool, tells it to the file `told`, and is done with it. */
  async empty() {
    const spool = openSpool(join(folder, "spool"), Named);
    for (const name of await spool.list()) {
      const thing = await spool.take(name);
      if (thing === null) continue;
      appendFileSync(words[0] ?? "", `${thing.name}\n`);
      await spool.done(name);
      say(name);
    }
  },
  /** edit <stale ms> <wait ms> <line>…: adds these lines to a hand-edited file, one edit each. */
  async edit() {
    const [staleMs, waitMs, ...lines] = words;
    for (const line of lines) {
      await editFile(join(folder, "hand.txt"), (text) => `${text ?? ""}${line}\n`, {
        staleMs: Number(staleMs),
        waitMs: Number(waitMs),
      });
      say(line);
    }
  },
};

const PADDING = "x".repeat(300);
const Count = z.object({ count: z.int(), padding: z.string() });
const Numbered = z.object({ number: z.int(), padding: z.string() });
const Named = z.object({ name: z.string() });

try {
  await acts[what]?.();
} catch (error) {
  if (!isInstarError(error)) throw error;
  process.stderr.write(`${error.code} ${describeError(error)}\n`);
  process.exitCode = 1;
}
