# A machine with both services: the daemon wants its token, runs an agent, keeps it over a restart, and its notice
# reaches a stub of Discord through the receiver.
{
  testers,
  writers,
  module,
}:
let
  # Secrets must not lie in the store, so the machine writes them itself before the services start.
  token = "not-a-real-secret-of-the-api";
  webhookToken = "not-a-real-secret-of-webhooks";
  discord = writers.writePython3Bin "discord-stub" { flakeIgnore = [ "E501" ]; } ''
    import http.server


    class Stub(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with open("/tmp/discord.log", "ab") as log:
                log.write(body + b"\n")
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"id": "1"}')


    http.server.HTTPServer(("127.0.0.1", 9099), Stub).serve_forever()
  '';
in
testers.runNixOSTest {
  name = "agent-harness";

  nodes.machine =
    { pkgs, ... }:
    {
      # Twice on purpose: importing a module again is no error.
      imports = [
        module
        module
      ];
      services.agent-harness = {
        enable = true;
        settings = {
          auth.tokenFile = "/run/secrets/token";
          webhook.url = "http://127.0.0.1:7071/harness-webhook";
          webhook.tokenFile = "/run/secrets/webhook-token";
          providers.slow = {
            kind = "command";
            command = [
              "${pkgs.bash}/bin/sh"
              "-c"
              "sleep 20; cat"
            ];
          };
        };
        receiver = {
          enable = true;
          settings.tokenFile = "/run/secrets/webhook-token";
          settings.discord = {
            webhookUrlFile = "/run/secrets/discord";
            allowOtherHost = true;
          };
        };
      };
      systemd.services.discord-stub = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig.ExecStart = "${discord}/bin/discord-stub";
      };
      systemd.services.secrets = {
        requiredBy = [
          "agent-harness.service"
          "webhook-receiver.service"
        ];
        before = [
          "agent-harness.service"
          "webhook-receiver.service"
        ];
        serviceConfig.Type = "oneshot";
        script = ''
          install -d -m 0700 /run/secrets
          echo ${token} > /run/secrets/token
          echo ${webhookToken} > /run/secrets/webhook-token
          echo http://127.0.0.1:9099/api/webhooks/1/stub > /run/secrets/discord
        '';
      };
      environment.systemPackages = [ pkgs.curl ];
    };

  testScript = ''
    machine.wait_for_unit("agent-harness.service")
    machine.wait_for_unit("webhook-receiver.service")
    machine.succeed("curl -fsS http://127.0.0.1:7070/api/v1/health")
    machine.fail("curl -fsS http://127.0.0.1:7070/api/v1/projects")
    machine.succeed("agent-harness status")

    machine.succeed("install -d -o agent-harness /srv/work")
    call = "curl -fsS -H 'Authorization: Bearer ${token}' -H 'Content-Type: application/json' http://127.0.0.1:7070/api/v1"
    machine.succeed(call + """/projects -d '{"name": "work", "cwd": "/srv/work"}'""")
    machine.succeed(call + """/projects/work/agents -d '{"provider": "slow", "name": "one", "task": "said and done"}'""")
    machine.wait_until_succeeds(call + "/projects/work/agents/one | grep -q processing")
    machine.succeed("systemctl restart agent-harness.service")
    machine.wait_until_succeeds(call + "/projects/work/agents/one/messages/last | grep -q 'said and done'", timeout=60)
    machine.wait_until_succeeds("grep -q 'said and done' /tmp/discord.log", timeout=60)

    machine.succeed("systemctl kill --kill-whom=main -s KILL agent-harness.service")
    machine.wait_until_succeeds("curl -fsS http://127.0.0.1:7070/readyz")
  '';
}
