/**
 * The NixOS module, evaluated by the real Nix with a small stand-in for nixpkgs' lib (test/nix/lib.nix): every key of
 * both programs is a typed option with the program's own default, what is wrong stops the evaluation with advice, and
 * the files it writes are taken by the programs' own loaders. `nix flake check` builds and boots it; that needs
 * nixpkgs.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfigSpec } from "../../../src/config/load.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { harnessSpec } from "../../../src/config/harness.ts";
import { isObject } from "../../../src/lib/check.ts";
import { NOTICE_EVENTS } from "../../../src/words/notices.ts";
import { receiverSpec } from "../../../src/receiver/config.ts";
import { installed } from "../../support/apt.ts";

const ROOT = join(import.meta.dir, "../../..");
const NIX = await installed("nix-instantiate", "nix-bin");
const dir = mkdtempSync(join(tmpdir(), "ah-nix-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Evaluated {
  readonly failed: readonly string[];
  readonly services: Readonly<Record<string, Service>>;
  readonly users: { readonly users: object; readonly groups: object };
  readonly tmpfiles: readonly string[];
  readonly ports: readonly number[];
  readonly packages: readonly string[];
}
interface Service {
  readonly environment: Readonly<Record<string, string>>;
  readonly serviceConfig: Readonly<Record<string, unknown>>;
  readonly path: readonly string[];
  readonly stopIfChanged?: boolean;
}

function nix(args: readonly string[]): { ok: boolean; out: string; error: string } {
  // Its own state below the test's folder: nothing of the machine's store is read or written.
  const env = { PATH: process.env["PATH"] ?? "", HOME: dir, NIX_STATE_DIR: join(dir, "state"), NIX_CONF_DIR: dir };
  const run = Bun.spawnSync([NIX ?? "nix-instantiate", ...args], { cwd: ROOT, env });
  return { ok: run.exitCode === 0, out: run.stdout.toString(), error: run.stderr.toString() };
}

function evaluate(settings: unknown, attribute?: string): { value: Evaluated; error: string } {
  const { ok, out, error } = nix([
    ...["--eval", "--strict", "--json", "test/nix/evaluate.nix", "--argstr", "settings", JSON.stringify(settings)],
    ...(attribute === undefined ? [] : ["-A", attribute]),
  ]);
  return { value: ok ? JSON.parse(out) : null, error: ok ? "" : error };
}

describe("every file", () => {
  test.skipIf(NIX === null).each(["flake.nix", ...new Bun.Glob("{nix,test/nix}/*.nix").scanSync(ROOT)])(
    "%s parses",
    (file) => {
      const { ok, error } = nix(["--parse", file]);
      expect(ok ? "" : error).toBe("");
    },
  );

  test("the runtime of the package is the one that the Makefile pins", () => {
    const pinned = /^BUN_VERSION := (\S+)$/m.exec(readFileSync(join(ROOT, "Makefile"), "utf8"))?.[1] ?? "none";
    expect(JSON.parse(readFileSync(join(ROOT, "nix/runtimes.json"), "utf8")).version).toBe(pinned);
  });
});

/** Keys of a schema as the module lists them: members of a record stand behind `*`. */
function keysOf(json: unknown, path = ""): string[] {
  if (!isObject(json)) return [path];
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (isObject(json["properties"]))
    return Object.entries(json["properties"]).flatMap(([name, schema]) => keysOf(schema, below(name)));
  const each = json["additionalProperties"];
  return isObject(each) && isObject(each["properties"]) ? keysOf(each, below("*")) : [path];
}

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((here, name) => (isObject(here) ? here[name] : undefined), value);

describe.skipIf(NIX === null)("the settings", () => {
  let all: Record<string, readonly { key: string; default: unknown }[]> = {};
  beforeAll(() => {
    all = JSON.parse(nix(["--eval", "--strict", "--json", "test/nix/evaluate.nix", "-A", "all"]).out);
  });
  const programs: readonly [string, ConfigSpec<unknown, unknown>][] = [
    ["daemon", harnessSpec as ConfigSpec<unknown, unknown>],
    ["receiver", receiverSpec as ConfigSpec<unknown, unknown>],
  ];

  test.each(programs)("of the %s are the program's keys, all of them and no other", (program, spec) => {
    expect((all[program] ?? []).map(({ key }) => key).sort()).toEqual(keysOf(spec.schema.json).sort());
  });

  test.each(programs)("of the %s have the program's own defaults", (program, spec) => {
    const loaded = loadConfig(spec, { env: { HOME: "/nowhere" } });
    const value = loaded.ok ? loaded.value : null;
    const compared = (all[program] ?? []).filter(
      ({ key, default: given }) => given !== null && key !== "stateDir" && at(value, key.split(".")) !== undefined,
    );
    expect(compared.length).toBeGreaterThan(program === "daemon" ? 8 : 3);
    for (const { key, default: given } of compared) expect([key, given]).toEqual([key, at(value, key.split("."))]);
  });
});

/** What the program reads: the file of its unit, with a credentials folder as systemd would make it. */
function loads(service: Service | undefined, spec: ConfigSpec<unknown, unknown>): string[] {
  const text = service?.environment[spec.pathVariable] ?? "";
  expect(text).toStartWith("JSON:");
  const path = join(dir, spec.fileName);
  writeFileSync(path, text.slice("JSON:".length));
  const credentials = service?.serviceConfig["LoadCredential"];
  for (const entry of Array.isArray(credentials) ? credentials : []) {
    const [name = "", source = ""] = String(entry).split(":");
    expect(source).toStartWith("/run/secrets/");
    const value = name.includes("discord")
      ? "https://discord.com/api/webhooks/1/abc"
      : name.includes("fleet-url")
        ? "postgres://box:not-a-real-password@db.example/fleet"
        : name.includes("fleet-key")
          ? [btoa("x".repeat(32)), btoa("y".repeat(32))].join()
          : name.includes("secret")
            ? `whsec_${btoa("x".repeat(24))}`
            : "not-a-real-token-1";
    writeFileSync(join(dir, name), value);
  }
  const loaded = loadConfig(spec, { env: { CREDENTIALS_DIRECTORY: dir, [spec.pathVariable]: path } });
  return loaded.ok ? [] : loaded.problems.map((issue) => `${issue.path}: ${issue.message}`);
}

const secrets = (name: string): string => `/run/secrets/${name}`;
const GOOD: readonly [string, unknown][] = [
  ["nothing but enable", {}],
  ["a token", { settings: { auth: { tokenFile: secrets("token") } } }],
  [
    "another address with a token",
    { settings: { host: "0.0.0.0", auth: { tokenFile: secrets("t") } }, openFirewall: true },
  ],
  ["a unix socket", { settings: { listen: "unix:/run/agent-harness/api.sock" } }],
  [
    "a socket for a group, and a port",
    {
      settings: {
        listen: ["unix:/run/agent-harness/api.sock", "[::1]:7171"],
        listenMode: "0660",
        listenGroup: "agents",
      },
    },
  ],
  [
    "an open port beside a socket",
    { settings: { listen: ["unix:/run/x", "0.0.0.0:7171"], auth: { tokenFile: secrets("t") } }, openFirewall: true },
  ],
  ["a state folder elsewhere", { settings: { stateDir: "/srv/state" } }],
  [
    "signed webhooks",
    { settings: { webhook: { url: "http://127.0.0.1:7071/x", tokenFile: secrets("w"), secretFile: secrets("s") } } },
  ],
  ["every notice named", { settings: { webhook: { url: "http://127.0.0.1:1/", events: NOTICE_EVENTS } } }],
  [
    "providers of all shapes",
    {
      settings: {
        providers: {
          codex: { enabled: false },
          echo: { kind: "command", command: "cat" },
          acp: { kind: "acp", command: ["gemini", "--acp"], env: { A: "b" } },
        },
      },
    },
  ],
  [
    "another user and environment",
    { user: "me", group: "users", environmentFile: secrets("env"), extraEnvironment: { A: "1" } },
  ],
  [
    "roots and limits",
    {
      settings: {
        projects: { roots: ["/srv"], trustedRoots: ["/srv/own"] },
        limits: { maxAgents: 5 },
        budget: { costUsd: 2.5, turns: 40 },
      },
    },
  ],
  [
    "a node of a fleet",
    { settings: { fleet: { urlFile: secrets("f"), keyFile: secrets("k"), labels: { gpu: "1" }, capacity: 2 } } },
  ],
  ["a receiver alone", { enable: false, receiver: { enable: true, settings: { tokenFile: secrets("t") } } }],
  [
    "a receiver with Discord and OpenClaw's hook",
    {
      receiver: {
        enable: true,
        settings: {
          discord: { webhookUrlFile: secrets("d") },
          openclaw: { transport: "hook", hookTokenFile: secrets("h") },
        },
      },
    },
  ],
  [
    "a receiver with OpenClaw's command line",
    {
      receiver: {
        enable: true,
        user: "me",
        settings: { openclaw: { transport: "cli", gatewayUrl: "ws://127.0.0.1:1", gatewayTokenFile: secrets("g") } },
      },
    },
  ],
];

describe.skipIf(NIX === null)("a configuration with", () => {
  test.each(GOOD)("%s evaluates, and the programs take what it writes", (_name, settings) => {
    const { value, error } = evaluate({ enable: true, ...(settings as object) });
    expect(error).toBe("");
    expect(value.failed).toEqual([]);
    const { "agent-harness": daemon, "webhook-receiver": receiver } = value.services;
    if (daemon) expect(loads(daemon, harnessSpec as ConfigSpec<unknown, unknown>)).toEqual([]);
    if (receiver) expect(loads(receiver, receiverSpec as ConfigSpec<unknown, unknown>)).toEqual([]);
    expect(daemon ?? receiver).toBeDefined();
  });

  const ah = "services.agent-harness";
  const BAD: readonly [string, unknown, string | RegExp][] = [
    ["a misspelt key", { settings: { prot: 1 } }, `The option \`${ah}.settings.prot' does not exist`],
    ["a wrong type", { settings: { port: "7070" } }, `${ah}.settings.port' is not of type \`16 bit`],
    ["a key of a provider misspelt", { settings: { providers: { pi: { modell: "x" } } } }, "pi.modell' does not exist"],
    [
      "an unknown kind",
      { settings: { providers: { x: { kind: "cursor" } } } },
      /is not of type `.*one of "claude-code"/,
    ],
    ["a relative socket", { settings: { listen: "unix:run/x" } }, "string matching the pattern unix:/.*|.+:[0-9]+"],
    [
      "a secret from the store",
      { settings: { auth: { tokenFile: "/nix/store/abc-token" } } },
      "absolute path not in the Nix store",
    ],
    [
      "an environment file from the store",
      { environmentFile: "/nix/store/abc-env" },
      "absolute path not in the Nix store",
    ],
    ["a user that is a number", { user: 1000 }, `${ah}.user' is not of type \`string`],
  ];
  test.each(BAD)("%s is refused", (_name, settings, said) => {
    const { error } = evaluate({ enable: true, ...(settings as object) });
    if (typeof said === "string") expect(error).toContain(said);
    else expect(error).toMatch(said);
  });

  const ADVICE: readonly [string, unknown, string][] = [
    ["a token in the store", { settings: { auth: { token: "x" } } }, `set ${ah}.settings.auth.tokenFile to its path`],
    [
      "a signing secret in the store",
      { settings: { webhook: { secret: "x" } } },
      "set services.agent-harness.settings.webhook.secretFile",
    ],
    [
      "the fleet's database in the store",
      { settings: { fleet: { url: "postgres://x@y/z" } } },
      `set ${ah}.settings.fleet.urlFile to its path`,
    ],
    [
      "the fleet's key in the store",
      { settings: { fleet: { urlFile: secrets("f"), key: btoa("x".repeat(32)) } } },
      `set ${ah}.settings.fleet.keyFile to its path`,
    ],
    [
      "Discord's URL in the store",
      { receiver: { enable: true, settings: { discord: { webhookUrl: "x" } } } },
      `set ${ah}.receiver.settings.discord.webhookUrlFile`,
    ],
    [
      "an open address without a token",
      { settings: { host: "0.0.0.0" } },
      "Set settings.auth.tokenFile, or AH_AUTH_TOKEN in environmentFile",
    ],
    [
      "an open address beside a socket without a token",
      { settings: { listen: ["unix:/run/x", "box:7070"] } },
      "listens on box:7070, not a loopback address, and there is no token",
    ],
    ["a firewall opened for loopback", { openFirewall: true }, "set settings.host to the address to listen on"],
    [
      "a firewall opened for a socket",
      { openFirewall: true, settings: { listen: "unix:/run/x" } },
      "remove one of the two",
    ],
    [
      "an open receiver without a token",
      { receiver: { enable: true, settings: { host: "::" } } },
      "Set settings.tokenFile",
    ],
    [
      "OpenClaw's command line without its user",
      { receiver: { enable: true, settings: { openclaw: { transport: "cli" } } } },
      "set receiver.user to the user that OpenClaw runs as",
    ],
  ];
  test.each(ADVICE)("%s stops with advice", (_name, settings, advice) => {
    const { value, error } = evaluate({ enable: true, ...(settings as object) });
    expect(error).toBe("");
    expect(value.failed.join("\n")).toContain(advice);
  });
});

describe.skipIf(NIX === null)("the units", () => {
  let value: Evaluated;
  beforeAll(() => {
    value = evaluate({
      enable: true,
      environmentFile: secrets("env"),
      settings: { listen: "unix:/run/agent-harness/api.sock", auth: { tokenFile: secrets("token") } },
      receiver: { enable: true },
    }).value;
  });

  test("of the daemon keep agents over a restart and never take a folder from them", () => {
    const { serviceConfig, path, stopIfChanged } = value.services["agent-harness"] ?? expect.unreachable();
    expect(serviceConfig).toMatchObject({
      Type: "notify",
      KillMode: "process",
      Delegate: true,
      DelegateSubgroup: "main",
      Restart: "always",
      RestartSec: 5,
      RestartPreventExitStatus: 2,
      LimitNOFILE: 65536,
      LoadCredential: [`auth-token:${secrets("token")}`],
      RuntimeDirectory: "agent-harness",
      RuntimeDirectoryPreserve: true,
      EnvironmentFile: secrets("env"),
    });
    for (const harmful of [
      "PrivateTmp",
      "DynamicUser",
      "UMask",
      "ProtectHome",
      "RestrictNamespaces",
      "ProtectControlGroups",
    ])
      expect(serviceConfig).not.toHaveProperty(harmful);
    expect(stopIfChanged).toBe(false);
    for (const needed of ["git", "util-linux", "coreutils", "bash"]) expect(path.join(" ")).toContain(needed);
    expect(path).toContain("/run/wrappers");
    expect(path).toContain("/run/current-system/sw");
  });

  test("of the receiver has descriptors for a crowd, too", () => {
    expect(value.services["webhook-receiver"]?.serviceConfig["LimitNOFILE"]).toBe(16384);
  });

  test("hold no secret, and the command line knows where the token and the socket are", () => {
    expect(JSON.stringify(value.services)).not.toContain("not-a-real");
    expect(value.packages.join("\n")).toContain('AH_URL="${AH_URL-unix:/run/agent-harness/api.sock}"');
    expect(value.packages.join("\n")).toContain(secrets("token"));
  });
});
