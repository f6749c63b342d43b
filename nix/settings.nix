# The keys of harness.json and receiver.json as typed options. Every key of the programs stands here once, with the
# program's own default, and no other key is taken: test/unit/nix compares both ways.
# A secret has two keys in the programs: its value, which would be readable by everybody in the Nix store (set it and
# evaluation stops with advice), and a file outside of the store, which reaches the program as a systemd credential.
{ lib }:
let
  inherit (lib) mkOption types;

  option =
    type: default: description:
    mkOption { inherit type default description; };
  optional = type: description: option (types.nullOr type) null description;
  flag = default: description: option types.bool default description;
  count = default: description: option types.ints.unsigned default description;
  milliseconds =
    default: description: option (types.ints.between 0 31536000000) default "${description} In milliseconds.";
  strings = description: option (types.listOf types.str) [ ] description;
  group =
    options: description:
    mkOption {
      type = types.submodule { inherit options; };
      default = { };
      inherit description;
    };

  secretFile =
    what:
    mkOption {
      type = types.nullOr types.externalPath;
      default = null;
      example = "/run/secrets/example";
      description = "File outside of the Nix store with ${what}; handed over as a systemd credential.";
    };
  # Never set: an assertion of the module says what to do instead.
  inlineSecret =
    mkOption {
      type = types.nullOr types.str;
      default = null;
      visible = false;
      description = "Would be readable by everybody in the Nix store: use the option whose name ends in File.";
    };

  logLevel = option (types.enum [
    "debug"
    "info"
    "warn"
    "error"
  ]) "info" "How much is logged.";
  port = default: option types.port default "TCP port.";
  host = option types.str "127.0.0.1" "Address to listen on. Anything but loopback needs a token.";
  place = types.strMatching "unix:/.*|.+:[0-9]+";
  allowedHosts = strings "Names, besides the machine's own, that a request's Host header may carry.";

  provider = types.submodule {
    options = {
      kind = optional (types.enum [
        "claude-code"
        "codex"
        "opencode"
        "pi"
        "acp"
        "command"
      ]) "What kind of program it is; not needed for the four that are known by name.";
      command = optional (types.either types.str (types.listOf types.str)) "The program, or the program and its first arguments.";
      args = strings "Further arguments.";
      env = option (types.attrsOf types.str) { } "Environment variables of its agents. No secrets: they end up in the Nix store; see environmentFile and passEnv.";
      passEnv = strings "Names of the daemon's own variables (or prefixes ending in *) that its agents get.";
      model = optional types.str "Model, where a request names none.";
      permissions = optional (types.enum [
        "ask"
        "allow"
        "deny"
      ]) "What happens when an agent wants to act, where a request says nothing.";
      enabled = flag true "Whether agents of it may be started.";
      promptAs = optional (types.enum [
        "stdin"
        "arg"
      ]) "How a program of kind command gets its task.";
      account = optional types.str "Who pays for it: providers of one kind that name the same account share its limits; null = found by its login.";
    };
  };
in
{
  daemon = {
    inherit host logLevel allowedHosts;
    port = port 7070;
    listen = optional (types.either place (types.listOf place)) "A unix socket as unix:/path or an address as host:port, or a list of one of each; in place of host and port.";
    listenMode = option (types.enum [
      "0600"
      "0660"
    ]) "0600" "Mode of the unix socket; 0660 needs listenGroup.";
    listenGroup = optional types.str "The group that may use a unix socket of mode 0660; the service's user must be a member of it.";
    stateDir = option types.path "/var/lib/agent-harness/state" "Folder of the store and of the agents' files.";
    auth = group {
      token = inlineSecret;
      tokenFile = secretFile "the API token";
    } "Who may call the API.";
    webhook = group {
      url = optional types.str "Where notices go.";
      token = inlineSecret;
      tokenFile = secretFile "the bearer token that goes out with webhooks";
      secret = inlineSecret;
      secretFile = secretFile "the signing secret of webhooks (whsec_…)";
      events = optional (types.listOf types.str) "Which notices go out; null = all.";
      allowedHosts = strings "Hosts that a project's or an agent's own webhook may name.";
    } "Where notices go when an agent stops working.";
    providers = option (types.attrsOf provider) { } "Agent programs by name.";
    projects = group {
      roots = option (types.listOf types.path) [ ] "Where projects may lie; empty = anywhere.";
      trustedRoots = option (types.listOf types.path) [ ] "Below these a project is trusted unless it says otherwise.";
    } "Where projects may lie.";
    limits = group {
      maxAgents = option types.ints.positive 200 "Most agents at once.";
      parkIdleMs = milliseconds 600000 "An idle agent's process is ended after this time and comes back by itself; 0 = never.";
      turnTimeoutMs = milliseconds 0 "A turn may run this long; 0 = for ever.";
      stallWarnMs = milliseconds 300000 "Silence that is told.";
      toolStallWarnMs = milliseconds 1800000 "Silence that is told while a tool runs.";
      permissionTimeoutMs = milliseconds 0 "A question is answered with deny after this time; 0 = never.";
      limitMaxWaitMs = milliseconds 86400000 "A turn waits so long for its account's allowance, all its waits together; 0 = as long as it takes.";
      runOutputBytes = option types.ints.positive 1073741824 "What the output of one run may hold of the disk; a run beyond it is ended.";
      snapshotBytes = option types.ints.positive 1073741824 "What new and changed files of one snapshot of an agent's folder may come to.";
      agentMemoryBytes = count 0 "Memory of each run; 0 = no limit.";
      agentTasks = count 0 "Processes and threads of each run; 0 = no limit.";
      agentCpuWeight = option (types.ints.between 0 10000) 0 "Share of a busy processor of each run, 1 to 10000, others have 100; 0 = as others.";
    } "Bounds.";
    onLimit = option (types.enum [
      "park"
      "fail"
    ]) "park" "What becomes of a turn whose account is at its limit: it waits and goes on, or it fails.";
    budget = group {
      turns = optional types.ints.unsigned "Turns; 0 = no limit.";
      tokens = optional types.ints.unsigned "Tokens that the model reads and writes; 0 = no limit.";
      costUsd = optional (types.numbers.nonnegative) "Cost in dollars, by the programs' own prices; 0 = no limit.";
      wallMs = optional (types.ints.between 0 31536000000) "Work, without waiting for a person, in milliseconds; 0 = no limit.";
    } "What each agent may spend in its life, unless its project or its own request says otherwise.";
    retention = group {
      eventsDays = option types.ints.positive 30 "How long events, settled deliveries and tasks of the fleet that are over are kept.";
      workspacesDays = option types.ints.positive 30 "How long what was kept of an agent's folder can be brought back after the agent is gone.";
    } "How long things are kept.";
    fleet = optional (types.submodule {
      options = {
        url = inlineSecret;
        urlFile = secretFile "the address of the fleet's PostgreSQL, with its password";
        key = inlineSecret;
        keyFile = secretFile "the keys that secrets of tasks are sealed with: one, or several with commas between, the newest first";
        node = optional types.str "Name of this box in the fleet; null = the host's short name.";
        labels = option (types.attrsOf types.str) { } "What this box has, for tasks that ask for it.";
        capacity = optional types.ints.unsigned "Most busy agents taken from the pool; null = the number of cores.";
        schema = option types.str "agent_harness" "Schema of the fleet's tables.";
        acceptCalls = flag true "Whether other boxes may ask something of this one.";
        roles = option (types.enum [
          "shared"
          "perNode"
        ]) "shared" "Whether the boxes share a role of the database, or each logs in as one of its own.";
        pooler = flag false "The database is behind a pooler that gives a connection for one transaction only.";
        relayTtlMs = option (types.ints.between 1000 43200000) 600000 "How long what another box was asked to do may wait for it. In milliseconds.";
      };
    }) "Many boxes as one; null = this box is alone.";
  };

  receiver = {
    inherit host logLevel allowedHosts;
    port = port 7071;
    stateDir = option types.path "/var/lib/webhook-receiver" "Folder of the inbox.";
    token = inlineSecret;
    tokenFile = secretFile "the bearer token that webhooks must bring";
    secret = inlineSecret;
    secretFile = secretFile "the signing secret that webhooks are checked with (whsec_…)";
    discord = optional (types.submodule {
      options = {
        webhookUrl = inlineSecret;
        webhookUrlFile = secretFile "Discord's webhook URL";
        username = optional types.str "Name to post under.";
        threadId = optional types.str "Thread to post into.";
        threadName = optional types.str "Makes a post of this name where the channel is a forum.";
        allowOtherHost = flag false "Take a webhook URL that is not Discord's.";
      };
    }) "Posts to a Discord channel; null = not used.";
    openclaw = optional (types.submodule {
      options = {
        transport = option (types.enum [
          "auto"
          "hook"
          "cli"
        ]) "auto" "How OpenClaw is woken.";
        command = optional (types.either types.str (types.listOf types.str)) "Its program; null = openclaw.";
        hookUrl = optional types.str "Its wake hook.";
        hookToken = inlineSecret;
        hookTokenFile = secretFile "OpenClaw's hooks.token";
        gatewayUrl = optional types.str "Its gateway, as ws://127.0.0.1:18789.";
        gatewayToken = inlineSecret;
        gatewayTokenFile = secretFile "the token of OpenClaw's gateway";
        mode = option (types.enum [
          "now"
          "next-heartbeat"
        ]) "now" "When the main session sees the event.";
        sessionKey = optional types.str "Session to wake.";
      };
    }) "Wakes OpenClaw by a system event; null = not used.";
    retention = group {
      days = option types.ints.positive 7 "How long webhooks are kept.";
    } "How long things are kept.";
  };
}
