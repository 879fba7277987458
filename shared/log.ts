import { pino } from "pino";
import { describeError, isInstarError } from "./errors.ts";
import { createLineWriter } from "./log/lines.ts";
import { createSecrets } from "./log/secrets.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
type Say = (fields: object | string, message?: string) => void;

/** One JSON object a line. Fields named `error` may hold any thrown value. */
export interface Log extends Readonly<Record<LogLevel, Say>> {
  /** A log that says `fields` with every line. */
  child(fields: object): Log;
  /** From now on no line of this log, its parents or its children shows this value. */
  hideSecret(value: string): void;
}

/**
 * Starts a log on a file descriptor (default: stderr), written synchronously, so that a crash loses no line. A line is at
 * most 48 KiB; under journald each begins with its priority, sd-daemon(3).
 */
export function createLog(options: {
  readonly name: string;
  readonly level?: LogLevel;
  readonly destination?: number;
}): Log {
  const secrets = createSecrets();
  const write = createLineWriter(options.destination ?? 2);
  const logger = pino(
    {
      level: options.level ?? "info",
      base: { name: options.name, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { error: tellError },
    },
    { write: (line: string) => write(secrets.hide(line)) },
  );
  return wrap(logger, (value) => secrets.add(value));
}

function wrap(logger: pino.Logger, hideSecret: (value: string) => void): Log {
  const say =
    (level: LogLevel): Say =>
    (fields, message) => {
      if (typeof fields === "string") logger[level](fields);
      else logger[level](fields, message);
    };
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: say("error"),
    child: (fields) => wrap(logger.child(fields), hideSecret),
    hideSecret,
  };
}

/** An expected failure needs no stack; a bug does. */
function tellError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  if (isInstarError(error)) return { code: error.code, message: describeError(error), hint: error.hint };
  return { message: describeError(error), stack: error.stack };
}
