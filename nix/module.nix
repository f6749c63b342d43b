# services.agent-harness and services.agent-harness.receiver. Secrets are files and go in as systemd credentials:
# nothing secret is written to the Nix store.
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
  json = pkgs.formats.json { };
  inherit (lib)
    mkEnableOption
    mkIf
    mkOption
    types
    ;

  credentialsOf = files: lib.mapAttrsToList (name: path: "${name}:${path}") (lib.filterAttrs (_: path: path != null) files);
  secretFile =
    description:
    mkOption {
      type = types.nullOr types.path;
      default = null;
      inherit description;
    };
  tokenFileKey = path: name: lib.optionalAttrs (path != null) { tokenFile = "$CREDENTIALS_DIRECTORY/${name}"; };
in
{
  options.services.agent-harness = {
    enable = mkEnableOption "the agent-harness daemon";
    package = mkOption {
      type = types.package;
      default = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
      description = "The package with both programs.";
    };
    user = mkOption {
      type = types.str;
      default = "agent-harness";
      description = "The user that the daemon and all agents run as. Whoever may call the API may run code as this user.";
    };
    settings = mkOption {
      inherit (json) type;
      default = { };
      example = {
        port = 7070;
        projects.roots = [ "/srv/projects" ];
      };
      description = "The keys of harness.json.";
    };
    tokenFile = secretFile "File with the API token.";
    webhookTokenFile = secretFile "File with the token that goes out with webhooks.";
    path = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages on the agents' PATH: the coding agents themselves, git and so on.";
    };

    receiver = {
      enable = mkEnableOption "the webhook receiver";
      settings = mkOption {
        inherit (json) type;
        default = { };
        description = "The keys of receiver.json.";
      };
      tokenFile = secretFile "File with the token that webhooks must bring.";
    };
  };

  config = lib.mkMerge [
    (mkIf cfg.enable {
      users.users = mkIf (cfg.user == "agent-harness") {
        agent-harness = {
          isSystemUser = true;
          group = "agent-harness";
          home = "/var/lib/agent-harness";
          shell = pkgs.bash;
        };
      };
      users.groups = mkIf (cfg.user == "agent-harness") { agent-harness = { }; };

      systemd.services.agent-harness = {
        description = "Coding agents behind one HTTP API";
        wantedBy = [ "multi-user.target" ];
        after = [ "network.target" ];
        path = [ pkgs.bash pkgs.coreutils ] ++ cfg.path;
        environment.AH_CONFIG = json.generate "harness.json" (
          lib.recursiveUpdate {
            stateDir = "/var/lib/agent-harness/state";
            auth = tokenFileKey cfg.tokenFile "token";
            webhook = tokenFileKey cfg.webhookTokenFile "webhook-token";
          } cfg.settings
        );
        serviceConfig = {
          ExecStart = "${lib.getExe cfg.package} serve";
          User = cfg.user;
          StateDirectory = "agent-harness";
          StateDirectoryMode = "0700";
          LoadCredential = credentialsOf {
            token = cfg.tokenFile;
            webhook-token = cfg.webhookTokenFile;
          };
          Restart = "on-failure";
          # Agents outlive the daemon: a restart or an upgrade ends nobody's turn.
          KillMode = "process";
          Delegate = true;
        };
      };
    })

    (mkIf receiver.enable {
      systemd.services.webhook-receiver = {
        description = "Passes agent-harness webhooks to Discord and OpenClaw";
        wantedBy = [ "multi-user.target" ];
        after = [ "network.target" ];
        environment.AH_RECEIVER_CONFIG = json.generate "receiver.json" (
          lib.recursiveUpdate (
            { stateDir = "/var/lib/webhook-receiver"; } // tokenFileKey receiver.tokenFile "token"
          ) receiver.settings
        );
        serviceConfig = {
          ExecStart = "${cfg.package}/bin/webhook-receiver serve";
          DynamicUser = true;
          StateDirectory = "webhook-receiver";
          StateDirectoryMode = "0700";
          LoadCredential = credentialsOf { token = receiver.tokenFile; };
          Restart = "on-failure";
        };
      };
    })
  ];
}
