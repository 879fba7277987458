import { z } from "zod";
import type { Bus } from "../../shared/bus.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Config } from "../../shared/config.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { AgentPaths } from "../../shared/paths.ts";
import type { JobBoard } from "./job-board.ts";
import type { Suite } from "./suite.ts";

/** What routes answer from. */
export interface RouteDeps {
  readonly paths: AgentPaths;
  readonly clock: Clock;
  readonly config: () => Config;
  readonly release: string;
  /** Monotonic. */
  readonly startedMs: number;
  readonly suite: Suite;
  /** Of this process, as it was a moment ago. */
  readonly rssBytes: () => number;
  readonly jobs: JobBoard;
  readonly bus: Pick<Bus, "request">;
}

/** A request that was let in and is valid. */
export interface Ask<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** It came with the token; always true but for open routes. */
  readonly isTrusted: boolean;
}

/** One row of the table of routes: it validates, it answers, and openapi.json is made from it. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH";
  /** With `:name` for a parameter. */
  readonly path: string;
  readonly summary: string;
  /** Answers, with less, to whoever has no token. */
  readonly isOpen: boolean;
  readonly params: z.ZodType;
  readonly query: z.ZodType;
  readonly body: z.ZodType;
  readonly status: number;
  readonly answer: z.ZodType;
  /** What it is refused with, besides what any route can be. */
  readonly fails: readonly ErrorCode[];
  readonly limit: { readonly max: number; readonly windowMs: number } | undefined;
  handle(ask: Ask<unknown, unknown, unknown>, deps: RouteDeps): Promise<unknown>;
}

/** No fields at all. */
const Nothing = z.strictObject({});
type Nothing = typeof Nothing;

interface Declared<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType, A extends z.ZodType> {
  readonly method: Route["method"];
  readonly path: string;
  readonly summary: string;
  readonly isOpen?: boolean;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly status?: number;
  readonly answer: A;
  readonly fails?: readonly ErrorCode[];
  readonly limit?: Route["limit"];
  readonly handle: (
    ask: Ask<z.output<P>, z.output<Q>, z.output<B>>,
    deps: RouteDeps,
  ) => z.output<A> | Promise<z.output<A>>;
}

export function route<
  A extends z.ZodType,
  P extends z.ZodType = Nothing,
  Q extends z.ZodType = Nothing,
  B extends z.ZodType = Nothing,
>(declared: Declared<P, Q, B, A>): Route {
  const { handle } = declared;
  return {
    method: declared.method,
    path: declared.path,
    summary: declared.summary,
    isOpen: declared.isOpen ?? false,
    params: declared.params ?? Nothing,
    query: declared.query ?? Nothing,
    body: declared.body ?? Nothing.default({}),
    status: declared.status ?? 200,
    answer: declared.answer,
    fails: declared.fails ?? [],
    limit: declared.limit,
    // The server validates with just these schemas before it calls.
    handle: async (ask, deps) => handle(ask as Ask<z.output<P>, z.output<Q>, z.output<B>>, deps),
  };
}

/** A whole number in a query, where everything is text. */
export function wholeNumber(
  what: string,
  { min, max, fallback }: Readonly<Record<"min" | "max" | "fallback", number>>,
): z.ZodType<number> {
  const isFit = (text: unknown): boolean =>
    typeof text === "string" && /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
  return z
    .unknown()
    .refine(isFit, { error: `must be a whole number from ${min} to ${max}` })
    .transform(Number)
    .default(fallback)
    .meta({ description: `${what}; without it ${fallback}`, type: "integer", minimum: min, maximum: max });
}
