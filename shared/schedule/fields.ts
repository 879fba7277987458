import { InstarError } from "../errors.ts";

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Words and signs that stand for numbers here, which croner reads. */
  readonly also?: RegExp;
}

const MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC";
const WEEKDAYS = "SUN|MON|TUE|WED|THU|FRI|SAT";
const FIELDS: readonly Field[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of the month", min: 1, max: 31, also: /^(L|LW|([1-9]|[12]\d|3[01])W)$/i },
  { name: "month", min: 1, max: 12, also: new RegExp(`^(${MONTHS})(-(${MONTHS}))?(/[1-9]\\d*)?$`, "i") },
  {
    name: "weekday",
    min: 0,
    max: 7,
    also: new RegExp(`^([0-7]|${WEEKDAYS})(#[1-5]|#?L)$|^(${WEEKDAYS})(-(${WEEKDAYS}))?(/[1-9]\\d*)?$`, "i"),
  },
];

/** The fields of a cron text, each of them sound. REQUEST_INVALID, naming the first that is not. */
export function checkFields(text: string): readonly string[] {
  const fields = text.split(" ");
  if (fields.length < 5 || fields.length > 6) {
    const found = text === "" ? "is empty" : `has ${fields.length} field${fields.length === 1 ? "" : "s"}`;
    const hint = "cron has 5 fields (minute, hour, day, month, weekday), or 6 with seconds first: 0 9 * * 1-5";
    throw new InstarError("REQUEST_INVALID", `the schedule "${text}" ${found}`, { hint });
  }
  for (const [index, field] of FIELDS.slice(6 - fields.length).entries())
    for (const part of (fields[index] ?? "").split(",")) checkPart(text, field, part);
  return fields;
}

const PART = /^(?:(\*)|(\d{1,4})(?:-(\d{1,4}))?)(?:\/(\d{1,4}))?$/;

function checkPart(text: string, field: Field, part: string): void {
  const { name, min, max } = field;
  const fail = (why: string, hint: string): never => {
    throw new InstarError("REQUEST_INVALID", `the schedule "${text}" is wrong in its ${name}: ${why}`, { hint });
  };
  const range = `${min} to ${max}`;
  if (part === "") return fail("a comma without a number", `write numbers from ${range}, like ${min},${min + 1}`);
  if (part === "?") return fail('"?" is of no use', 'write "*" for any');
  if (field.also?.test(part)) return undefined;
  const found = PART.exec(part);
  if (!found)
    return fail(`"${part}" cannot be read`, `write *, a number from ${range}, a range like 1-5 or a step like */2`);
  const [, star, first, last, step] = found;
  for (const number of [first, last])
    if (number !== undefined && (Number(number) < min || Number(number) > max))
      return fail(`${number} is not in ${range}`, `write a number from ${range}`);
  if (step !== undefined && (Number(step) < 1 || Number(step) > max))
    return fail(`no step can be ${step}`, `write a step from 1 to ${max}`);
  if (star === undefined && step !== undefined && last === undefined)
    return fail(`"${part}" has a step and no end`, `write ${first}-${max}/${step}`);
  if (last !== undefined && Number(first) > Number(last))
    return fail(`"${part}" goes backwards`, `write ${first}-${max},${min}-${last}`);
  return undefined;
}
