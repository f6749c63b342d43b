# Both programs. They have no run-time packages, so nothing is fetched: Bun and the tree are all that is needed.
# Bun comes from nixpkgs and may be another version than the one the Makefile pins.
{
  lib,
  stdenvNoCC,
  bun,
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

  nativeBuildInputs = [ bun ];

  # Bun writes caches below HOME.
  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR
    make build BUN=${lib.getExe bun}
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    install -Dm755 -t $out/bin agent-harness webhook-receiver
    runHook postInstall
  '';

  # The program is appended to the executable: stripping or rewriting it would cut it off.
  dontStrip = true;
  dontPatchELF = true;
  dontFixup = true;

  meta = {
    description = "Runs coding agents behind one HTTP API";
    license = lib.licenses.mit;
    mainProgram = "agent-harness";
    platforms = lib.platforms.linux;
  };
}
