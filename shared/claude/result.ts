import { z } from "zod";

/** Tokens of one run, all its models and sub-agents together. */
export const Usage = z.object({
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  cacheReadTokens: z.int().nonnegative(),
  cacheCreationTokens: z.int().nonnegative(),
});
export type Usage = z.output<typeof Usage>;

/** What a run spent; `costUsd` is null where the CLI did not come to say it. */
export interface Bill {
  readonly usage: Usage;
  readonly costUsd: number | null;
}

/** What a headless run said at its end. */
export interface ClaudeResult extends Bill {
  /** Told apart by this alone: an API error comes with subtype "success", an interrupted run with exit status 0. */
  readonly isError: boolean;
  /** The answer; on an error, its message. */
  readonly result: string;
  readonly sessionId: string;
  readonly turns: number;
  /** HTTP status of the API error that ended it. */
  readonly apiStatus: number | null;
}

const Count = z.int().nonnegative().catch(0);

/** One model's share, as results and transcripts both write it. */
export const ModelUsage = z.record(
  z.string(),
  z.object({
    inputTokens: Count,
    outputTokens: Count,
    cacheReadInputTokens: Count,
    cacheCreationInputTokens: Count,
  }),
);

/** One answer's tokens, as the API counts them. */
export const ApiUsage = z.object({
  input_tokens: Count,
  output_tokens: Count,
  cache_read_input_tokens: Count,
  cache_creation_input_tokens: Count,
});

const Result = z.object({
  type: z.literal("result"),
  is_error: z.boolean(),
  subtype: z.string().catch(""),
  result: z.string().catch(""),
  session_id: z.string(),
  num_turns: Count,
  api_error_status: z.int().nullable().catch(null),
  total_cost_usd: z.number().nullable().catch(null),
  usage: ApiUsage.optional().catch(undefined),
  modelUsage: ModelUsage.optional().catch(undefined),
});

/**
 * Reads the standard output of a run with `--output-format json`. Null when it holds no result: the run was killed, or
 * interrupted (with exit status 0), or the CLI refused to start; so a run without one failed. Other lines, from a wrapper around the CLI say, are passed over.
 */
export function readClaudeResult(text: string): ClaudeResult | null {
  for (const line of text.split("\n").reverse()) {
    if (!line.startsWith("{")) continue;
    const found = Result.safeParse(parseLine(line)).data;
    if (!found) continue;
    return {
      isError: found.is_error,
      result: found.result || (found.is_error ? found.subtype : ""),
      sessionId: found.session_id,
      turns: found.num_turns,
      apiStatus: found.api_error_status,
      // `usage` is the main loop's alone; the models' shares hold sub-agents too.
      usage: sumOfModels(found.modelUsage) ?? fromApi(found.usage),
      costUsd: found.total_cost_usd,
    };
  }
  return null;
}

/** A JSON value; undefined for a line that is none. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function sumOfModels(models: z.output<typeof ModelUsage> | undefined): Usage | null {
  const shares = Object.values(models ?? {});
  if (shares.length === 0) return null;
  return sumUsage(
    shares.map((share) => ({
      inputTokens: share.inputTokens,
      outputTokens: share.outputTokens,
      cacheReadTokens: share.cacheReadInputTokens,
      cacheCreationTokens: share.cacheCreationInputTokens,
    })),
  );
}

export function fromApi(usage: z.output<typeof ApiUsage> | undefined): Usage {
  return {
    inputTokens: usage?.input_tokens ?? 0,
    outputTokens: usage?.output_tokens ?? 0,
    cacheReadTokens: usage?.cache_read_input_tokens ?? 0,
    cacheCreationTokens: usage?.cache_creation_input_tokens ?? 0,
  };
}

export function sumUsage(parts: readonly Usage[]): Usage {
  const sum = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheCreationTokens: 0 };
  for (const part of parts) {
    sum.inputTokens += part.inputTokens;
    sum.outputTokens += part.outputTokens;
    sum.cacheReadTokens += part.cacheReadTokens;
    sum.cacheCreationTokens += part.cacheCreationTokens;
  }
  return sum;
}
