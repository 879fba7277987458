import type { Argument, Command, Option } from "commander";
import { z } from "zod";
import { createFrame } from "../../bin/frame.ts";
import { createWholeProgram, wordsOf } from "../../bin/program.ts";
import { openApiDocument } from "../../daemons/gateway/openapi.ts";
import { ROUTES } from "../../daemons/gateway/routes.ts";
import { configJsonSchema, UNUSED_SETTINGS } from "../../shared/config.ts";
import { jobsJsonSchema } from "../../shared/jobs.ts";
import { release } from "../../shared/lifecycle.ts";
import { BUS_VERSION, EVENTS, PUBLISHERS, REQUESTS } from "../../shared/protocol.ts";

/** Every generated document, by its name in docs/generated/. */
export async function documents(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["bus.md", busDocument()],
    ["cli.md", cliDocument(await createWholeProgram(createFrame))],
    ["config.md", configDocument(configJsonSchema() as Schema)],
    ["config.schema.json", json(configJsonSchema())],
    ["jobs.schema.json", json(jobsJsonSchema())],
    ["openapi.json", json(openApiDocument(ROUTES, await release()))],
  ]);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function markdown(title: string, lines: readonly string[]): string {
  return [`# ${title}`, "", "Written by `npm run docs` from the source; do not edit.", "", ...lines, ""].join("\n");
}

/** As much of JSON Schema as our own documents hold. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

/** A type in a few words: `1 to 65535`, `"tui" or "stream"`, `text or null`. */
function kindOf(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(kindOf))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items ? kindOf(schema.items) : "anything"}`;
  if (schema.type === "integer" || schema.type === "number") return numberKind(schema);
  if (schema.type === "string") return schema.format === "date-time" ? "instant" : "text";
  return schema.type ?? "anything";
}

function numberKind({ type, minimum, maximum, exclusiveMinimum }: Schema): string {
  const name = type === "integer" ? "whole number" : "number";
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  if (minimum !== undefined && isBounded && minimum > Number.MIN_SAFE_INTEGER)
    return `${name}, ${minimum} to ${maximum}`;
  if (exclusiveMinimum !== undefined) return `${name} above ${exclusiveMinimum}${isBounded ? ` up to ${maximum}` : ""}`;
  return name;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function configDocument(schema: Schema): string {
  return markdown("config.json", [
    "`.instar/config.json`; for editors: [config.schema.json](config.schema.json). An unknown key or a wrong type is refused by name.",
    "A running daemon keeps the last good settings. Show them with `instar config get`, check them with `instar config check`.",
    `Checked and kept, though nothing of this release goes by them: ${UNUSED_SETTINGS.map((key) => `\`${key}\``).join(", ")}.`,
    "",
    "| Key | Value | Default | |",
    "|---|---|---|---|",
    ...rowsOf(schema, ""),
  ]);
}

function rowsOf({ properties = {}, required = [] }: Schema, prefix: string): string[] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const key = `${prefix}${name}`;
    if (UNUSED_SETTINGS.includes(key)) return [];
    const inner = objectIn(field);
    if (inner?.properties) return rowsOf(inner, field.type === "array" ? `${key}[].` : `${key}.`);
    const fallback = field.default === undefined ? (required.includes(name) ? "required" : "") : code(field.default);
    return [`| \`${key}\` | ${cell(kindOf(field))} | ${fallback} | ${cell(field.description ?? "")} |`];
  });
}

function objectIn(field: Schema): Schema | undefined {
  return field.type === "array" ? field.items : field;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}

function busDocument(): string {
  return markdown("The bus", [
    `Version ${BUS_VERSION}. Each daemon serves WebSocket on \`.instar/run/<name>.sock\`. Nothing hangs on a message: the files hold the truth.`,
    "",
    "## Events",
    "",
    "Facts, told to every subscriber at most once.",
    ...Object.entries(EVENTS).flatMap(eventSection),
    "",
    "## Requests",
    "",
    "Questions, each with the one daemon that answers it.",
    ...Object.entries(REQUESTS).flatMap(requestSection),
  ]);
}

function eventSection([name, schema]: readonly [string, z.ZodType]): string[] {
  const publishers = Object.entries(PUBLISHERS).filter(([, events]) => (events as readonly string[]).includes(name));
  const who = publishers.map(([daemon]) => daemon).join(", ");
  return ["", `### ${name}`, "", `Said by ${who}: ${schema.description ?? ""}.`, ...fieldTable(schema)];
}

function requestSection([name, asked]: readonly [string, (typeof REQUESTS)[keyof typeof REQUESTS]]): string[] {
  const { owner, request, response, describe } = asked;
  return [
    "",
    `### ${name}`,
    "",
    `Answered by ${owner}: ${describe}.`,
    ...titled("Asked with", fieldTable(request)),
    ...titled("Answered with", fieldTable(response)),
  ];
}

function titled(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}

function fieldTable(schema: z.ZodType): string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input" }) as Schema;
  const rows = Object.entries(properties).map(([name, field]) => {
    const kind = `${kindOf(field)}${required.includes(name) ? "" : ", optional"}`;
    return `| \`${name}\` | ${cell(kind)} | ${cell(field.description ?? "")} |`;
  });
  return rows.length === 0 ? [] : ["", "| Field | Value | |", "|---|---|---|", ...rows];
}

function cliDocument(program: Command): string {
  return markdown("Commands", [
    "Every command takes `--dir <folder>`: the agent's folder (default: this folder, or the nearest above it that holds `.instar/`).",
    "",
    "Exit codes: 0 ok · 1 failed · 64 misuse · 69 unavailable · 73 place taken · 75 try again · 78 configuration.",
    ...program.commands.flatMap(commandSections),
  ]);
}

function commandSections(command: Command): string[] {
  if (command.commands.length > 0) return command.commands.flatMap(commandSections);
  const help = command.createHelp();
  const options = help.visibleOptions(command).filter(({ long }) => long !== "--help");
  const args = command.registeredArguments;
  const rows = [...args.map(argumentRow), ...options.map(optionRow)];
  return [
    "",
    `## instar ${wordsOf(command)}`,
    "",
    `\`instar ${wordsOf(command)}${command.usage() === "" ? "" : ` ${command.usage()}`}\``,
    "",
    sentence(command.description()),
    ...(rows.length === 0 ? [] : ["", "| | |", "|---|---|", ...rows]),
  ];
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function argumentRow(argument: Argument): string {
  return `| \`${argument.name()}\` | ${cell(argument.description)} |`;
}

function optionRow(option: Option): string {
  const choices = option.argChoices ? ` (${option.argChoices.join(", ")})` : "";
  const fallback = option.defaultValue === undefined ? "" : ` (default: ${String(option.defaultValue)})`;
  return `| \`${cell(option.flags)}\` | ${cell(option.description)}${choices}${fallback} |`;
}
