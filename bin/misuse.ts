import { InstarError } from "../shared/errors.ts";

/** A call that cannot be meant. */
export function misuse(message: string, hint?: string): InstarError {
  return new InstarError("REQUEST_INVALID", message, { hint });
}
