# Both programs: one executable under two names. They have no run-time packages, so the pinned runtime and the tree are
# all that is needed, and nothing is fetched here.
{
  lib,
  stdenvNoCC,
  callPackage,
  gnumake,
  runtime ? callPackage ./runtime.nix { },
}:

stdenvNoCC.mkDerivation {
  pname = "agent-harness";
  version = (lib.importJSON ../package.json).version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../src
      ../package.json
      ../tsconfig.json
      ../Makefile
    ];
  };

  nativeBuildInputs = [ gnumake ];

  # The runtime writes caches below HOME. The interpreter of a patched runtime is the store's, and so is the program's.
  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR
    make build BUN=${lib.getExe runtime}
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    install -Dm755 -t $out/bin agent-harness
    ln $out/bin/agent-harness $out/bin/webhook-receiver
    runHook postInstall
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    $out/bin/agent-harness version
    $out/bin/webhook-receiver version
  '';

  # The programs' own code is found by its place in the executable: stripping or rewriting would cut it off.
  dontStrip = true;
  dontPatchELF = true;

  meta = {
    description = "Runs coding agents behind one HTTP API and tells somebody when they stop working";
    license = lib.licenses.mit;
    mainProgram = "agent-harness";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
}
