/** What a program says with its exit code, after sysexits(3). */
export const EXIT = { ok: 0, failure: 1, usage: 64, unavailable: 69, taken: 73, temporary: 75, config: 78 } as const;

/** Every expected failure, once: the HTTP status and the exit code follow from the code. */
export const CATALOGUE = {
  REQUEST_INVALID: { http: 400, exit: EXIT.usage },
  UNAUTHORIZED: { http: 401, exit: EXIT.config },
  FORBIDDEN: { http: 403, exit: EXIT.failure },
  NOT_FOUND: { http: 404, exit: EXIT.failure },
  JOB_NOT_FOUND: { http: 404, exit: EXIT.failure },
  NO_AGENT: { http: 404, exit: EXIT.config },
  METHOD_NOT_ALLOWED: { http: 405, exit: EXIT.usage },
  TIMEOUT: { http: 408, exit: EXIT.temporary },
  CONFLICT: { http: 409, exit: EXIT.failure },
  PLACE_TAKEN: { http: 409, exit: EXIT.taken },
  TOO_LARGE: { http: 413, exit: EXIT.usage },
  MEDIA_TYPE: { http: 415, exit: EXIT.usage },
  WRONG_HOST: { http: 421, exit: EXIT.usage },
  RATE_LIMITED: { http: 429, exit: EXIT.temporary },
  FAILED: { http: 500, exit: EXIT.failure },
  CONFIG_INVALID: { http: 500, exit: EXIT.config },
  CONFIG_MISSING: { http: 500, exit: EXIT.config },
  STORE_CORRUPT: { http: 500, exit: EXIT.config },
  LOCK_BUSY: { http: 503, exit: EXIT.temporary },
  UNAVAILABLE: { http: 503, exit: EXIT.unavailable },
  STORE_FULL: { http: 507, exit: EXIT.temporary },
} as const;

export type ErrorCode = keyof typeof CATALOGUE;

/** An expected failure. The message says what was attempted on which object; the hint, when we know one, how to cure it. */
export class InstarError extends Error {
  override readonly name = "InstarError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; hint?: string | undefined } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.hint = options.hint;
  }
}

export function isInstarError(error: unknown): error is InstarError {
  return error instanceof InstarError;
}

/** The system's code of an unknown error ("ENOENT", "ERR_…"), where it carries one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || isInstarError(error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** How deep a chain of causes is told. */
const MAX_CAUSES = 5;

/** An unknown error and what caused it, on one line. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let link: unknown = error;
  for (let depth = 0; depth < MAX_CAUSES && link !== undefined; depth += 1) {
    const text = messageOf(link).replaceAll(/\s*\n\s*/g, " ");
    // A cause that the message above quotes already says nothing new.
    if (!parts.some((part) => part.includes(text))) parts.push(text);
    link = link instanceof Error ? link.cause : undefined;
  }
  return parts.join(": ");
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join(", ");
  if (error instanceof SuppressedError)
    return `${describeError(error.suppressed)}; then: ${describeError(error.error)}`;
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}
