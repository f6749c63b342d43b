/** What `help` prints. */
export const HELP = `agent-harness: runs coding agents behind one HTTP API

Usage: agent-harness <command> [options]

  serve [--config FILE]         run the daemon
  status [--json] [--url URL]   what the daemon and its agents are doing
  doctor [--json] [--url URL]   start every agent program once, and say what to mend
  version                       print the version
  help                          print this

Addresses and token: --url or AH_URL, AH_AUTH_TOKEN, else the config file.
Config: --config, $AH_CONFIG, $XDG_CONFIG_HOME/agent-harness/harness.json,
/etc/agent-harness/harness.json; none = defaults.`;
