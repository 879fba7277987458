import { z } from "zod";

/** No record of ours comes near; a longer line is damage, and is not read into memory. */
export const MAX_LINE_BYTES = 1024 * 1024;
export const NEWLINE = 0x0a;

/** Something in a journal that is no record. */
export interface Damage {
  readonly file: string;
  /** Where its line begins. */
  readonly offset: number;
  /** A torn line is the last one and lacks its end: its writer was killed, or is just writing. */
  readonly kind: "torn" | "damaged";
  readonly reason: string;
}

export interface ReadOptions {
  /** Told of every line that was left out. */
  readonly onDamage?: (damage: Damage) => void;
}

/** One line as it was found, without its newline; its bytes are null when it was too long to keep. */
export interface Line {
  readonly offset: number;
  readonly bytes: Buffer | null;
}

/** The record in a line; null, and told, when there is none. An empty line is nothing at all. */
export function parseLine<S extends z.ZodType>(
  file: string,
  { offset, bytes }: Line,
  schema: S,
  onDamage: ReadOptions["onDamage"],
): { record: z.output<S> } | null {
  const damaged = (reason: string): null => {
    onDamage?.({ file, offset, kind: "damaged", reason });
    return null;
  };
  if (bytes === null) return damaged(`longer than ${MAX_LINE_BYTES} bytes`);
  if (bytes.length === 0) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof SyntaxError) return damaged("no JSON");
    if (error instanceof TypeError) return damaged("no UTF-8");
    throw error;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return { record: parsed.data };
  return damaged(z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, " "));
}
