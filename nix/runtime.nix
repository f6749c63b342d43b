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
  version = "1.4.5";
  system = stdenv.hostPlatform.system;
  packages = {
    x86_64-linux = {
      name = "bun-linux-x64";
      integrity = "sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==";
    };
    aarch64-linux = {
      name = "bun-linux-aarch64";
      integrity = "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==";
    };
  };
  package = packages.${system} or (throw "agent-harness: there is no runtime for ${system}, only for ${toString (builtins.attrNames packages)}");

  tarball = stdenvNoCC.mkDerivation {
    name = "${package.name}-${version}.tgz";
    nativeBuildInputs = [
      nodejs
      cacert
    ];
    outputHash = package.integrity;
    outputHashMode = "flat";
    impureEnvVars = lib.fetchers.proxyImpureEnvVars ++ [ "NPM_CONFIG_REGISTRY" ];
    buildCommand = ''
      export HOME=$TMPDIR
      npm pack --silent @oven/${package.name}@${version}
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
