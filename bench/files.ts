import { constants } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { openJournal } from "../shared/journal.ts";
import { openSpool } from "../shared/spool.ts";
import { tempDir } from "../tests/support/temp.ts";
import { compare, median, type Ratio, timed } from "./sample.ts";

const ROUNDS = 200;
const Line = z.object({ text: z.string() });
const LINE = { text: "x".repeat(200) };
const TEXT = `${JSON.stringify(LINE)}\n`;

/** Durable writes over the same system calls made by hand. */
export async function measureFiles(): Promise<Ratio[]> {
  await using dir = await tempDir();
  return [await measureJournal(dir.path), await measureSpool(dir.path)];
}

async function measureJournal(folder: string): Promise<Ratio> {
  await using journal = await openJournal(join(folder, "ours.jsonl"), Line);
  await using bare = await open(join(folder, "bare.jsonl"), "a");
  const taken = await compare(
    () => timed(() => journal.append(LINE)),
    () =>
      timed(async () => {
        await bare.write(TEXT);
        await bare.datasync();
      }),
    ROUNDS,
  );
  return {
    what: "journal: append a line, synced",
    ours: median(taken.ours),
    over: "write + fdatasync",
    floor: median(taken.floor),
    unit: "ms",
  };
}

async function measureSpool(folder: string): Promise<Ratio> {
  const spool = openSpool(join(folder, "spool"), Line);
  let count = 0;
  const taken = await compare(
    () => timed(() => spool.put(`message-${(count += 1)}`, LINE)),
    () => timed(() => putByHand(folder, count)),
    ROUNDS,
  );
  return {
    what: "spool: put a message",
    ours: median(taken.ours),
    over: "write + fsync + rename + fsync of the folder",
    floor: median(taken.floor),
    unit: "ms",
  };
}

async function putByHand(folder: string, count: number): Promise<void> {
  const temporary = join(folder, `.tmp-${count}`);
  {
    await using file = await open(temporary, "wx");
    await file.write(TEXT);
    await file.sync();
  }
  await rename(temporary, join(folder, `bare-${count}`));
  await using directory = await open(folder, constants.O_RDONLY);
  await directory.sync();
}
