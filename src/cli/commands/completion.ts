/** `completion`: a small script for the shell, which asks the program itself for what fits. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# agent-harness completion bash >> ~/.bashrc
_agent_harness() {
  local IFS=$'\\n' found
  found=($(agent-harness __complete bash "$COMP_CWORD" "\${COMP_WORDS[@]}" 2>/dev/null))
  case "\${found[0]-}" in
    :files) compopt -o filenames; COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]#=}")) ;;
    :folders) compopt -o filenames; COMPREPLY=($(compgen -d -- "\${COMP_WORDS[COMP_CWORD]#=}")) ;;
    *) COMPREPLY=("\${found[@]}"); [[ \${#found[@]} -eq 1 && \${found[0]} == */ ]] && compopt -o nospace ;;
  esac
  return 0
}
complete -o nosort -F _agent_harness agent-harness
`,
  zsh: `#compdef agent-harness
# agent-harness completion zsh > a folder of your $fpath, as _agent-harness; or: source <(agent-harness completion zsh)
_agent_harness() {
  local line value
  local -a found plain open
  found=("\${(@f)$(agent-harness __complete zsh $((CURRENT - 1)) "\${words[@]}" 2>/dev/null)}")
  case "\${found[1]-}" in
    :files) _files; return ;;
    :folders) _files -/; return ;;
  esac
  for line in "\${found[@]}"; do
    value="\${line%%$'\\t'*}"
    [[ -z $value ]] && continue
    if [[ $value == */ ]]; then open+=("$value"); else plain+=("\${value//:/\\\\:}:\${line#*$'\\t'}"); fi
  done
  (( \${#plain} )) && _describe -V agent-harness plain
  (( \${#open} )) && compadd -S '' -- "\${open[@]}"
  return 0
}
if [[ "$funcstack[1]" == _agent-harness ]]; then _agent_harness "$@"; else compdef _agent_harness agent-harness; fi
`,
  fish: `# agent-harness completion fish > ~/.config/fish/completions/agent-harness.fish
function __agent_harness_complete
    set -l before (commandline -opc)
    set -l word (commandline -ct)
    set -l found (agent-harness __complete fish (count $before) $before "$word" 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path "$word"
        case :folders
            __fish_complete_directories "$word" ''
        case '*'
            string collect -- $found
    end
end
complete -c agent-harness -f -k -a '(__agent_harness_complete)'
`,
};

export function run({ args, io }: Context): number {
  const script = SCRIPTS[args.words[0] ?? ""] ?? "";
  if (args.has("json")) printJson(io.out, { script });
  else io.out.write(script);
  return EXIT.ok;
}
