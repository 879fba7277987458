import type { Command } from "commander";
import { wordsOf } from "./program.ts";

/** What can follow the words of one command. */
interface Place {
  /** "" for the program itself. */
  readonly words: string;
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly Flag[];
}

interface Flag {
  readonly long: string;
  readonly short: string | undefined;
  readonly summary: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** A completion script, made from the commands themselves. */
export function completionFor(shell: "bash" | "zsh" | "fish", program: Command): string {
  const places = placesOf(program);
  if (shell === "bash") return bash(places);
  return shell === "zsh" ? zsh(places) : fish(places);
}

function placesOf(command: Command): Place[] {
  const help = command.createHelp();
  const flags = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  const dir = command.parent ? rootOf(command).options.filter(({ long }) => long === "--dir") : [];
  const options = [...flags, ...dir].map((option) => ({
    long: option.long ?? "",
    short: option.short,
    summary: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.description() }));
  return [{ words: wordsOf(command), commands, options }, ...command.commands.flatMap(placesOf)];
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}

function wordsAt({ commands, options }: Place): string {
  return [...commands.map(({ name }) => name), ...options.map(({ long }) => long)].join(" ");
}

function valueFlags(places: readonly Place[]): string {
  const flags = places.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue));
  return [...new Set(flags.flatMap(({ long, short }) => (short === undefined ? [long] : [long, short])))].join("|");
}

/** Walks to the deepest command that the line names; `$place` holds its words. */
function walk(places: readonly Place[]): string {
  const known = places.filter(({ words }) => words !== "").map(({ words }) => `"${words}"`);
  return [
    `    case $word in`,
    `      ${valueFlags(places)}) skip=1; continue ;;`,
    `      -*) continue ;;`,
    `    esac`,
    `    case "\${place:+$place }$word" in`,
    `      ${known.join("|")}) place="\${place:+$place }$word" ;;`,
    `    esac`,
  ].join("\n");
}

function bash(places: readonly Place[]): string {
  // One flag has other choices with another command.
  const choices = places.flatMap(({ words, options }) =>
    options
      .filter((option) => option.choices.length > 0)
      .map(({ long, short, choices: all }) => {
        const flags = [long, short].flatMap((flag) => (flag === undefined ? [] : [`"${words} ${flag}"`]));
        return `    ${flags.join("|")}) words="${all.join(" ")}" ;;\n`;
      }),
  );
  return `# bash completion of instar
_instar() {
  local place="" skip="" word words="" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ -n "$skip" ]; then skip=""; continue; fi
${walk(places)}
  done
  case "$place $previous" in
    *" --dir") COMPREPLY=($(compgen -d -- "\${COMP_WORDS[COMP_CWORD]}")); return ;;
${choices.join("")}  esac
  if [ -z "$words" ]; then
    [ -z "$skip" ] || return
    case "$place" in
${places.map((place) => `      "${place.words}") words="${wordsAt(place)}" ;;`).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _instar instar`;
}

function zsh(places: readonly Place[]): string {
  const described = (name: string, summary: string): string => quote(`${name.replaceAll(":", "\\:")}:${summary}`);
  return `#compdef instar
# zsh completion of instar
_instar() {
  local place="" skip="" word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n "$skip" ]]; then skip=""; continue; fi
${walk(places)}
  done
  if [[ -n "$skip" ]]; then _files; return; fi
  case "$place" in
${places
  .map(({ words, commands, options }) => {
    const all = [
      ...commands.map(({ name, summary }) => described(name, summary)),
      ...options.map(({ long, summary }) => described(long, summary)),
    ];
    return `    "${words}") found=(${all.join(" ")}) ;;`;
  })
  .join("\n")}
  esac
  _describe instar found || _files
}
compdef _instar instar`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ words, commands, options }) => {
    const condition = `-n ${quote(`__instar_at ${words === "" ? '""' : `"${words}"`}`)}`;
    return [
      ...commands.map(({ name, summary }) => `complete -c instar ${condition} -f -a ${name} -d ${quote(summary)}`),
      ...options.map(({ long, short, summary, takesValue, choices }) => {
        const names = `-l ${long.slice(2)}${short === undefined ? "" : ` -s ${short.slice(1)}`}`;
        const value = takesValue ? ` -r${choices.length > 0 ? ` -f -a ${quote(choices.join(" "))}` : ""}` : "";
        return `complete -c instar ${condition} ${names}${value} -d ${quote(summary)}`;
      }),
    ];
  });
  const known = places.filter(({ words }) => words !== "").map(({ words }) => quote(words));
  return `# fish completion of instar
function __instar_at
  set -l place ""
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
      continue
    end
    switch $word
      case ${valueFlags(places).replaceAll("|", " ")}
        set skip 1
      case '-*'
      case '*'
        set -l deeper (string trim "$place $word")
        if contains -- $deeper ${known.join(" ")}
          set place $deeper
        end
    end
  end
  test "$place" = "$argv[1]"
end
${lines.join("\n")}`;
}

/** A text as one word of a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
