# Evaluates the module with one configuration, as text that `builtins.fromJSON` reads (`settings`), beside stand-ins for
# what NixOS declares. `all` lists every key of the two programs' settings with its default.
{
  settings ? "{}",
}:
let
  lib = import ./lib.nix;
  module = import ../../nix/module.nix {
    packages.test.agent-harness = {
      outPath = "/nix/store/stub-agent-harness";
    };
  };
  stub = name: { outPath = "/nix/store/stub-${name}"; };
  pkgs = {
    stdenv.hostPlatform.system = "test";
    # The file's text in place of its path, so that the test can give it to the program.
    formats.json = _: {
      type = lib.types.anything;
      generate = _name: value: "JSON:${builtins.toJSON value}";
    };
    writeShellScriptBin = name: text: stub name // { inherit text; };
    bash = stub "bash";
    bashInteractive = stub "bash-interactive";
    coreutils = stub "coreutils";
    git = stub "git";
    util-linux = stub "util-linux";
  };
  declare = type: default: lib.mkOption { inherit type default; };
  nixos = {
    options = {
      assertions = declare (lib.types.listOf lib.types.anything) [ ];
      environment.systemPackages = declare (lib.types.listOf lib.types.package) [ ];
      networking.firewall.allowedTCPPorts = declare (lib.types.listOf lib.types.port) [ ];
      systemd.tmpfiles.rules = declare (lib.types.listOf lib.types.str) [ ];
      systemd.services = declare (lib.types.attrsOf lib.types.anything) { };
      users.users = declare (lib.types.attrsOf lib.types.anything) { };
      users.groups = declare (lib.types.attrsOf lib.types.anything) { };
    };
  };
  inherit
    (lib.evalModules {
      # Imported twice, as two files of a configuration may.
      modules = [
        nixos
        module
        module
        { config.services.agent-harness = builtins.fromJSON settings; }
      ];
      specialArgs = { inherit pkgs; };
    })
    config
    ;

  isOption = value: builtins.isAttrs value && (value._type or null) == "option";
  # Keys of submodules stand behind their option's; the default of a group is its members'.
  leaves =
    path: options:
    builtins.concatLists (
      lib.mapAttrsToList (
        name: option:
        let
          here = path ++ [ name ];
          inner = subOptions option.type;
        in
        if inner != null then
          leaves (here ++ (if lib.hasPrefix "attribute set" option.type.name then [ "*" ] else [ ])) inner
        else
          [
            {
              key = lib.concatStringsSep "." here;
              inherit (option) default;
            }
          ]
      ) options
    );
  subOptions = type: type.options or null;
in
{
  failed = map (each: each.message) (builtins.filter (each: !each.assertion) config.assertions);
  services = config.systemd.services;
  users = config.users;
  tmpfiles = config.systemd.tmpfiles.rules;
  ports = config.networking.firewall.allowedTCPPorts;
  packages = map (each: each.text or "") config.environment.systemPackages;
  all = builtins.mapAttrs (_: leaves [ ]) (import ../../nix/settings.nix { inherit lib; });
}
