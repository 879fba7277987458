import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { type Answer, stream, usageOf } from "./model-answer.ts";
import { type ModelRequest, type Prompted, readPrompted } from "./model-request.ts";

/** What the model says, and to whom. The first turn that fits answers; it can be asked again and says the same. */
export interface Turn {
  readonly text?: string;
  readonly thinking?: string;
  readonly tools?: readonly { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[];
  /** Refused, with this HTTP status. */
  readonly error?: { readonly status: number; readonly message: string };
  /** Begins to answer and then is silent until the caller leaves. */
  readonly hang?: boolean;
  readonly delayMs?: number;
  /** Only for a conversation whose prompt says this. */
  readonly when?: RegExp;
  /** Only when the model has spoken this often in the conversation. */
  readonly after?: number;
  /** How often it may be used; as often as asked when left out. */
  readonly times?: number;
}

/** One request and what became of it. */
export interface Exchange extends Prompted {
  readonly sessionId: string;
  readonly model: string;
  /** `left`: the caller hung up before the answer was whole. */
  outcome: "asked" | "answered" | "refused" | "left";
  /** Set once the answer was whole: what the API would have billed. */
  bill: { readonly messageId: string; readonly inputTokens: number; readonly outputTokens: number } | null;
}

export interface ScriptedModel extends AsyncDisposable {
  /** For ANTHROPIC_BASE_URL. */
  readonly url: string;
  /** In the order of their arrival. */
  readonly exchanges: readonly Exchange[];
}

/** A prompt of 500 KB, sent again with each tool result, and room for more. */
const MAX_BODY_BYTES = 32 * 1024 * 1024;

/**
 * Serves a stand-in for the Messages API on loopback that says what `turns` say: enough for the real Claude Code CLI to
 * work with, so that no key is needed and nothing is spent. A conversation that no turn fits is told so, with status 404.
 */
export async function startScriptedModel(turns: readonly Turn[]): Promise<ScriptedModel> {
  const exchanges: Exchange[] = [];
  const used = new Map<Turn, number>();

  const choose = (asked: Prompted): Turn | undefined => {
    const found = turns.find(
      (turn) =>
        (turn.when?.test(asked.prompt) ?? true) &&
        (turn.after === undefined || turn.after === asked.spoken) &&
        (used.get(turn) ?? 0) < (turn.times ?? Infinity),
    );
    if (found) used.set(found, (used.get(found) ?? 0) + 1);
    return found;
  };

  const speak = async (body: ModelRequest, exchange: Exchange, turn: Turn, response: ServerResponse): Promise<void> => {
    if (turn.delayMs) await wait(turn.delayMs);
    if (response.destroyed) return;
    if (turn.error) return refuse(response, turn.error.status, turn.error.message, exchange);
    const usage = usageOf(body, turn);
    const answer: Answer = { id: `msg_${newId()}`, model: body.model, turn, usage };
    if (!stream(response, answer)) return;
    exchange.outcome = "answered";
    exchange.bill = { messageId: answer.id, inputTokens: usage.input_tokens, outputTokens: usage.output_tokens };
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "/", "http://model");
    if (request.method !== "POST" || pathname !== "/v1/messages")
      return refuse(response, 404, `the scripted model has no ${request.method} ${pathname}`);
    const body = await readBody(request);
    if (!body) return refuse(response, 413, "the request is too large for the scripted model");
    const exchange: Exchange = {
      ...readPrompted(body),
      sessionId: String(request.headers["x-claude-code-session-id"] ?? ""),
      model: body.model,
      outcome: "asked",
      bill: null,
    };
    exchanges.push(exchange);
    response.once("close", () => {
      if (exchange.outcome === "asked") exchange.outcome = "left";
    });
    const turn = choose(exchange);
    if (turn) await speak(body, exchange, turn, response);
    else refuse(response, 404, `the script has no turn for: ${exchange.prompt.slice(0, 200)}`, exchange);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, 400, String(error)));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(response: ServerResponse, status: number, message: string, exchange?: Exchange): void {
  if (exchange) exchange.outcome = "refused";
  if (response.headersSent || response.destroyed) return void response.destroy();
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ type: "error", error: { type: "api_error", message } }));
}

async function readBody(request: IncomingMessage): Promise<ModelRequest | null> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as ModelRequest;
}

function newId(): string {
  return randomBytes(12).toString("hex");
}
