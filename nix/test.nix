# A machine with the module: the daemon answers, asks for its token, and comes back after kill -9.
{
  testers,
  writeText,
  module,
}:

testers.runNixOSTest {
  name = "agent-harness";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ module ];
      services.agent-harness = {
        enable = true;
        tokenFile = writeText "token" "not-a-real-secret";
        settings.providers.echo = {
          kind = "command";
          command = [ "${pkgs.coreutils}/bin/cat" ];
        };
        receiver.enable = true;
        receiver.tokenFile = writeText "receiver-token" "not-a-real-secret";
      };
      environment.systemPackages = [ pkgs.curl ];
    };

  testScript = ''
    machine.wait_for_unit("agent-harness.service")
    machine.wait_for_unit("webhook-receiver.service")
    machine.wait_for_open_port(7070)
    machine.wait_for_open_port(7071)
    machine.succeed("curl -fsS http://127.0.0.1:7070/api/v1/health")
    machine.fail("curl -fsS http://127.0.0.1:7070/api/v1/projects")
    machine.succeed("curl -fsS -H 'Authorization: Bearer not-a-real-secret' http://127.0.0.1:7070/api/v1/projects")
    machine.succeed("systemctl kill --kill-whom=main -s KILL agent-harness.service")
    machine.wait_until_succeeds("curl -fsS http://127.0.0.1:7070/readyz")
  '';
}
