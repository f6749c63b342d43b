# The runtime that compiles both programs and becomes part of them: the very version that the Makefile pins, as its
# publisher packed it, by its published integrity; what nixpkgs has may lack the flags of the build. Fetched by package
# name, so that whatever registry the machine is set up for serves it.
{
  lib,
  stdenv,
  stdenvNoCC,
  nodejs,
  cacert,
  patchelf,
}:
let
  # Shared with the release archives.
  inherit (lib.importJSON ./runtimes.json) version targets;
  system = stdenv.hostPlatform.system;
  packages = builtins.listToAttrs (
    builtins.filter (each: each.name != null) (
      map (value: {
        name = value.system or null;
        inherit value;
      }) (builtins.attrValues targets)
    )
  );
  target =
    packages.${system}
      or (throw "agent-harness: there is no runtime for ${system}, only for ${toString (builtins.attrNames packages)}");

  tarball = stdenvNoCC.mkDerivation {
    name = "${target.package}-${version}.tgz";
    nativeBuildInputs = [
      nodejs
      cacert
    ];
    outputHash = target.integrity;
    outputHashMode = "flat";
    impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "NPM_CONFIG_REGISTRY" ];
    buildCommand = ''
      export HOME=$TMPDIR
      npm pack --silent @oven/${target.package}@${version}
      mv *.tgz $out
    '';
  };
in
stdenvNoCC.mkDerivation {
  pname = "bun-runtime";
  inherit version;
  src = tarball;
  nativeBuildInputs = [ patchelf ];
  dontConfigure = true;
  dontBuild = true;
  # A shortened program breaks: what it carries is found by its place in the file.
  dontStrip = true;
  installPhase = ''
    runHook preInstall
    install -Dm755 bin/bun $out/bin/bun
    patchelf --set-interpreter ${stdenv.cc.bintools.dynamicLinker} $out/bin/bun
    runHook postInstall
  '';
  passthru = {
    inherit packages;
  };
  meta = {
    description = "JavaScript runtime that agent-harness is compiled with";
    license = lib.licenses.mit;
    mainProgram = "bun";
    platforms = builtins.attrNames packages;
    sourceProvenance = [ lib.sourceTypes.binaryNativeCode ];
  };
}
