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
    in
    {
      packages = each (pkgs: rec {
        agent-harness = pkgs.callPackage ./nix/package.nix { };
        default = agent-harness;
      });

      nixosModules.default = import ./nix/module.nix self;

      checks = each (pkgs: {
        service = pkgs.callPackage ./nix/test.nix { module = self.nixosModules.default; };
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell { packages = [ pkgs.bun pkgs.gnumake ]; };
      });
    };
}
