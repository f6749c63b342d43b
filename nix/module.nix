# services.agent-harness and services.agent-harness.receiver: both programs as hardened units with typed settings.
# Secrets are files outside of the store and reach the programs as systemd credentials. What must never be set for the
# daemon: PrivateTmp, DynamicUser and the like take folders away from agents that outlive a restart.
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.agent-harness;
  receiver = cfg.receiver;
  settings = import ./settings.nix { inherit lib; };
  json = pkgs.formats.json { };
  inherit (lib)
    filterAttrs
    isAttrs
    literalExpression
    mapAttrs
    mkEnableOption
    mkIf
    mkOption
    optional
    optionalAttrs
    types
    ;

  # The programs know their own defaults: what is null or empty is left out of the file.
  prune =
    value:
    if isAttrs value then filterAttrs (_: each: each != null && each != { }) (mapAttrs (_: prune) value) else value;

  # Every secret of a program: where its two keys stand in the settings, and the name of its credential.
  daemonSecrets = [
    { path = [ "auth" ]; key = "token"; credential = "auth-token"; }
    { path = [ "webhook" ]; key = "token"; credential = "webhook-token"; }
    { path = [ "webhook" ]; key = "secret"; credential = "webhook-secret"; }
    { path = [ "fleet" ]; key = "url"; credential = "fleet-url"; }
    { path = [ "fleet" ]; key = "key"; credential = "fleet-key"; }
  ];
  receiverSecrets = [
    { path = [ ]; key = "token"; credential = "token"; }
    { path = [ ]; key = "secret"; credential = "secret"; }
    { path = [ "discord" ]; key = "webhookUrl"; credential = "discord-webhook-url"; }
    { path = [ "openclaw" ]; key = "hookToken"; credential = "openclaw-hook-token"; }
    { path = [ "openclaw" ]; key = "gatewayToken"; credential = "openclaw-gateway-token"; }
  ];
  at = from: path: if path == [ ] then from else at (from.${builtins.head path} or null) (builtins.tail path);
  valueOf = from: { path, key, ... }: let group = at from path; in if group == null then null else group.${key} or null;
  fileOf = from: secret: valueOf from (secret // { key = "${secret.key}File"; });
  given = from: secrets: builtins.filter (secret: fileOf from secret != null) secrets;

  credentials = from: secrets: map (secret: "${secret.credential}:${fileOf from secret}") (given from secrets);
  nest = path: value: if path == [ ] then value else { ${builtins.head path} = nest (builtins.tail path) value; };
  # The settings as the program reads them: each secret file replaced by where systemd puts its copy.
  withCredentials =
    from: secrets:
    builtins.foldl' (
      all: secret:
      lib.recursiveUpdate all (nest secret.path { "${secret.key}File" = "$CREDENTIALS_DIRECTORY/${secret.credential}"; })
    ) (prune from) (given from secrets);
  inlineSecrets =
    where: from: secrets:
    map (secret: {
      assertion = valueOf from secret == null;
      message =
        let
          key = lib.concatStringsSep "." (secret.path ++ [ secret.key ]);
        in
        "${where}.settings.${key} would be readable by everybody in the Nix store: write it to a file outside of the store and set ${where}.settings.${key}File to its path.";
    }) secrets;

  isLoopback = host: host == "localhost" || host == "::1" || lib.hasPrefix "127." host;
  inherit (cfg.settings) listen;
  places = if listen == null then [ ] else if builtins.isList listen then listen else [ listen ];
  sockets = builtins.filter (lib.hasPrefix "unix:") places;
  addresses = builtins.filter (place: !lib.hasPrefix "unix:" place) places;
  # What is listened on with TCP, as in a URL; nothing when a socket takes its place.
  tcp =
    if listen == null then
      [ "${if lib.hasInfix ":" cfg.settings.host then "[${cfg.settings.host}]" else cfg.settings.host}:${toString cfg.settings.port}" ]
    else
      addresses;
  isOpen = place: builtins.match "localhost:.*|127\\..*|\\[::1]:.*" place == null;
  portOf = place: builtins.fromJSON (builtins.head (builtins.match ".*:0*([0-9]+)" place));
  socketDir =
    if builtins.any (lib.hasPrefix "unix:/run/agent-harness/") sockets then "agent-harness" else null;
  # Where listen names the address, host and port have no say.
  spoken = if addresses == [ ] then cfg.settings else removeAttrs cfg.settings [ "host" "port" ];

  harnessFile = json.generate "harness.json" (withCredentials spoken daemonSecrets);
  receiverFile = json.generate "receiver.json" (withCredentials receiver.settings receiverSecrets);
  url = builtins.head (sockets ++ map (place: "http://${place}") tcp);

  # The command line that knows this machine's address; the token is read by whoever may read its file.
  cli = pkgs.writeShellScriptBin "agent-harness" ''
    export AH_URL="''${AH_URL-${url}}"
    ${lib.optionalString (cfg.settings.auth.tokenFile != null) ''
      if [ -z "''${AH_AUTH_TOKEN-}" ] && [ -r ${lib.escapeShellArg cfg.settings.auth.tokenFile} ]; then
        AH_AUTH_TOKEN=$(cat ${lib.escapeShellArg cfg.settings.auth.tokenFile}) && export AH_AUTH_TOKEN
      fi
    ''}
    exec ${cfg.package}/bin/agent-harness "$@"
  '';

  restarting = {
    Restart = "always";
    RestartSec = 5;
    # A wrong config does not mend itself.
    RestartPreventExitStatus = 2;
    WatchdogSec = 120;
    Type = "notify";
  };
  userOption =
    default: what:
    mkOption {
      type = types.str;
      inherit default;
      description = what;
    };
  environmentFileOption = mkOption {
    type = types.nullOr types.externalPath;
    default = null;
    example = "/run/secrets/agent-harness.env";
    description = "File of NAME=value lines, outside of the Nix store, for the environment: API keys that providers pass on, and AH_ variables.";
  };
in
{
  _file = ./module.nix;
  key = "agent-harness/nix/module.nix";

  options.services.agent-harness = {
    enable = mkEnableOption "the agent-harness daemon, which runs coding agents behind one HTTP API";
    package = mkOption {
      type = types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.agent-harness;
      defaultText = literalExpression "agent-harness.packages.\${system}.agent-harness";
      description = "The package with both programs.";
    };
    user = userOption "agent-harness" "User that the daemon and all agents run as; made when it is the default one. Whoever may call the API may run code as it.";
    group = userOption "agent-harness" "Its group; made when it is the default one.";
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Open the API's port.";
    };
    environmentFile = environmentFileOption;
    extraEnvironment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Further environment variables of the daemon. No secrets: they end up in the Nix store.";
    };
    path = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = literalExpression "[ pkgs.claude-code pkgs.nodejs ]";
      description = "Packages on the agents' PATH: the coding agents themselves and the tools of their projects.";
    };
    settings = mkOption {
      type = types.submodule { options = settings.daemon; };
      default = { };
      example = {
        port = 7070;
        auth.tokenFile = "/run/secrets/agent-harness-token";
        projects.roots = [ "/srv/projects" ];
      };
      description = "The keys of harness.json.";
    };

    receiver = {
      enable = mkEnableOption "webhook-receiver, which posts webhooks to Discord and wakes OpenClaw";
      user = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "User to run as; null = one that systemd makes. OpenClaw by its command line needs the user that OpenClaw runs as.";
      };
      group = mkOption {
        type = types.nullOr types.str;
        default = null;
        description = "Its group; null = the user's own.";
      };
      path = mkOption {
        type = types.listOf types.package;
        default = [ ];
        description = "Packages on its PATH: openclaw, where its command line is used.";
      };
      openFirewall = mkOption {
        type = types.bool;
        default = false;
        description = "Open its port.";
      };
      environmentFile = environmentFileOption;
      settings = mkOption {
        type = types.submodule { options = settings.receiver; };
        default = { };
        description = "The keys of receiver.json.";
      };
    };
  };

  config = lib.mkMerge [
    (mkIf cfg.enable {
      assertions = inlineSecrets "services.agent-harness" cfg.settings daemonSecrets ++ [
        {
          assertion =
            !(builtins.any isOpen tcp) || cfg.settings.auth.tokenFile != null || cfg.environmentFile != null;
          message = "services.agent-harness listens on ${toString tcp}, not a loopback address, and there is no token: whoever can call may run code. Set settings.auth.tokenFile, or AH_AUTH_TOKEN in environmentFile.";
        }
        {
          assertion = !(cfg.openFirewall && tcp == [ ]);
          message = "services.agent-harness.openFirewall opens a port, but settings.listen is a unix socket: remove one of the two.";
        }
        {
          assertion = !(cfg.openFirewall && tcp != [ ] && !(builtins.any isOpen tcp));
          message = "services.agent-harness.openFirewall opens a port that only this machine can reach: set settings.host to the address to listen on.";
        }
      ];

      users.users = mkIf (cfg.user == "agent-harness") {
        agent-harness = {
          isSystemUser = true;
          inherit (cfg) group;
          home = "/var/lib/agent-harness";
          shell = pkgs.bashInteractive;
        };
      };
      users.groups = mkIf (cfg.group == "agent-harness") { agent-harness = { }; };
      networking.firewall.allowedTCPPorts = optional (cfg.openFirewall && tcp != [ ]) (portOf (builtins.head tcp));
      systemd.tmpfiles.rules = optional (
        !(lib.hasPrefix "/var/lib/agent-harness/" cfg.settings.stateDir)
      ) "d ${cfg.settings.stateDir} 0700 ${cfg.user} ${cfg.group} -";
      environment.systemPackages = [ (lib.hiPrio cli) ];

      systemd.services.agent-harness = {
        description = "Coding agents behind one HTTP API";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        startLimitIntervalSec = 0;
        # A switch is one restart, which agents outlive, and not a stop before activation and a start after it.
        stopIfChanged = false;
        path = [
          pkgs.bash
          pkgs.coreutils
          pkgs.git
          pkgs.util-linux
        ]
        ++ cfg.path
        ++ [
          "/run/wrappers"
          "/run/current-system/sw"
        ];
        environment = {
          AH_CONFIG = "${harnessFile}";
        }
        // cfg.extraEnvironment;
        serviceConfig =
          restarting
          // {
            ExecStart = "${cfg.package}/bin/agent-harness serve";
            User = cfg.user;
            Group = cfg.group;
            StateDirectory = "agent-harness";
            StateDirectoryMode = "0700";
            LoadCredential = credentials cfg.settings daemonSecrets;
            # Agents outlive the daemon: a restart or an upgrade ends nobody's turn.
            KillMode = "process";
            Delegate = true;
            DelegateSubgroup = "main";
            OOMPolicy = "continue";
            LimitNOFILE = 65536;
            NoNewPrivileges = true;
            CapabilityBoundingSet = "";
            RestrictSUIDSGID = true;
            ProtectSystem = "full";
            ProtectClock = true;
            ProtectHostname = true;
            ProtectKernelLogs = true;
            ProtectKernelModules = true;
            ProtectKernelTunables = true;
            RestrictRealtime = true;
            LockPersonality = true;
            SystemCallArchitectures = "native";
          }
          // optionalAttrs (cfg.environmentFile != null) { EnvironmentFile = cfg.environmentFile; }
          // optionalAttrs (socketDir != null) {
            RuntimeDirectory = socketDir;
            RuntimeDirectoryPreserve = true;
          };
      };
    })

    (mkIf receiver.enable {
      assertions = inlineSecrets "services.agent-harness.receiver" receiver.settings receiverSecrets ++ [
        {
          assertion =
            isLoopback receiver.settings.host
            || receiver.settings.tokenFile != null
            || receiver.settings.secretFile != null
            || receiver.environmentFile != null;
          message = "services.agent-harness.receiver.settings.host is ${receiver.settings.host}, not a loopback address, and there is no token: whoever reaches the port could post to your channel. Set settings.tokenFile.";
        }
        {
          assertion = !(receiver.settings.openclaw != null && receiver.settings.openclaw.transport == "cli" && receiver.user == null);
          message = "services.agent-harness.receiver: OpenClaw's command line needs its own user's HOME: set receiver.user to the user that OpenClaw runs as, or use transport \"hook\".";
        }
      ];
      networking.firewall.allowedTCPPorts = optional receiver.openFirewall receiver.settings.port;

      systemd.services.webhook-receiver = {
        description = "agent-harness webhooks to Discord and OpenClaw";
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        startLimitIntervalSec = 0;
        inherit (receiver) path;
        environment.AH_RECEIVER_CONFIG = "${receiverFile}";
        serviceConfig =
          restarting
          // {
            ExecStart = "${cfg.package}/bin/webhook-receiver serve";
            StateDirectory = "webhook-receiver";
            StateDirectoryMode = "0700";
            LoadCredential = credentials receiver.settings receiverSecrets;
            LimitNOFILE = 16384;
            UMask = "0077";
            ProtectSystem = "strict";
            PrivateTmp = true;
            PrivateDevices = true;
            PrivateMounts = true;
            ProtectClock = true;
            ProtectHostname = true;
            ProtectKernelLogs = true;
            ProtectKernelModules = true;
            ProtectKernelTunables = true;
            ProtectControlGroups = true;
            RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
            RestrictRealtime = true;
            RestrictSUIDSGID = true;
            LockPersonality = true;
            NoNewPrivileges = true;
            CapabilityBoundingSet = "";
            SystemCallArchitectures = "native";
          }
          // (
            if receiver.user == null then
              {
                DynamicUser = true;
                ProtectHome = true;
                PrivateUsers = true;
                ProtectProc = "invisible";
                ProcSubset = "pid";
                RestrictNamespaces = true;
                RemoveIPC = true;
                SystemCallFilter = [
                  "@system-service"
                  "~@privileged @resources"
                ];
              }
            else
              # A user of its own, for OpenClaw's command line: that program needs its home and its own calls.
              { User = receiver.user; } // optionalAttrs (receiver.group != null) { Group = receiver.group; }
          )
          // optionalAttrs (receiver.environmentFile != null) { EnvironmentFile = receiver.environmentFile; };
      };
    })
  ];
}
