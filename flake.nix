{
  description = "Runs coding agents behind one HTTP API and tells somebody when they stop working";

  inputs.nixpkgs.url = "nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      module = import ./nix/module.nix self;
    in
    {
      packages = each (pkgs: rec {
        agent-harness = pkgs.callPackage ./nix/package.nix { };
        # The same executable under its other name.
        webhook-receiver = agent-harness // {
          meta = agent-harness.meta // {
            mainProgram = "webhook-receiver";
          };
        };
        default = agent-harness;
      });

      overlays.default = final: _prev: {
        agent-harness = final.callPackage ./nix/package.nix { };
      };

      nixosModules = {
        default = module;
        agent-harness = module;
      };

      checks = each (pkgs: {
        inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) agent-harness;
        service = pkgs.callPackage ./nix/test.nix { inherit module; };
      });

      formatter = each (pkgs: pkgs.nixfmt-tree);

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          packages = [
            (pkgs.callPackage ./nix/runtime.nix { })
            pkgs.gnumake
            pkgs.git
          ];
        };
      });
    };
}
