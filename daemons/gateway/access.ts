import { hash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { Clock } from "../../shared/clock.ts";
import { InstarError } from "../../shared/errors.ts";
import { createLimit } from "./limit.ts";

/** What a request says of where it comes from and what it may. */
export interface Knock {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly authorization: string | undefined;
}

export interface Access {
  /**
   * Throws WRONG_HOST or FORBIDDEN for a request that a foreign page may have made, UNAUTHORIZED or RATE_LIMITED for a wrong
   * token, and for none where one is needed. True with the right token.
   */
  admit(knock: Knock, route: { readonly isOpen: boolean }): boolean;
}

/** Wrong tokens within a minute, after which guessing is refused; the right one is always let in. */
const WRONG_TOKENS = { max: 30, windowMs: 60_000 };
const CURE = 'send the header "Authorization: Bearer <token>"; the token is auth.token of .instar/config.json';
const HINT = 'in a run: curl -H "Authorization: Bearer $INSTAR_TOKEN" "$INSTAR_URL/…"';

/** The rules at the door: whose name we answer to, which pages may ask, and who knows the token. */
export function createAccess(deps: {
  readonly token: () => string;
  /** The address that is listened on. */
  readonly address: string;
  readonly clock: Pick<Clock, "monotonicMs">;
}): Access {
  const isRight = createComparison(deps.token);
  const wrongTokens = createLimit("wrong tokens", { ...WRONG_TOKENS, clock: deps.clock });
  return {
    admit({ host, origin, authorization }, { isOpen }) {
      // A page of another name that resolves to this machine (DNS rebinding) still sends its own name.
      if (host === undefined || !isOurName(host, deps.address)) {
        const hint = "use http://127.0.0.1 or http://localhost with the port of .instar/config.json";
        throw new InstarError("WRONG_HOST", `this is not the host ${quote(host ?? "")}`, { hint });
      }
      if (origin !== undefined && !isSameOrigin(origin, host)) {
        const hint = "only pages of this server itself may ask it from a browser";
        throw new InstarError("FORBIDDEN", `pages of ${quote(origin)} may not ask here`, { hint });
      }
      if (authorization === undefined) {
        if (isOpen) return false;
        throw new InstarError("UNAUTHORIZED", `no token: ${CURE}`, { hint: HINT });
      }
      const [, given] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
      if (given !== undefined && isRight(given)) return true;
      wrongTokens.take();
      throw new InstarError("UNAUTHORIZED", `wrong token: ${CURE}`, { hint: HINT });
    },
  };
}

/** Digests have one length, so that the time it takes tells nothing of the token, not even how long it is. */
function createComparison(token: () => string): (given: string) => boolean {
  let known = token();
  let right = hash("sha256", known, "buffer");
  return (given) => {
    if (token() !== known) {
      known = token();
      right = hash("sha256", known, "buffer");
    }
    return timingSafeEqual(hash("sha256", given, "buffer"), right);
  };
}

function isOurName(host: string, address: string): boolean {
  const name = nameOf(host);
  if (name === undefined) return false;
  if (["localhost", "127.0.0.1", "::1", address.toLowerCase()].includes(name)) return true;
  // Whoever listens everywhere is reached by any address, but rebinding needs a name.
  return ["0.0.0.0", "::"].includes(address) && isIP(name) !== 0;
}

/** The name in a Host header, without its port and brackets. */
function nameOf(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^[\]:/@?#\s]+))(?::\d{1,5})?$/i.exec(host) ?? [];
  return (bracketed ?? plain)?.toLowerCase();
}

function isSameOrigin(origin: string, host: string): boolean {
  return /^https?:\/\/(.+)$/i.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase();
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
