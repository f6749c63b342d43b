/**
 * Settings and a repository for the real Codex in tests: its own home, a stub for a model, and things planted to be
 * loaded.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LaunchContext } from "../../src/providers/contract.ts";
import { launchContext } from "./codex-pipe.ts";

/** A home with Codex's settings, and a project in it. `more` is added to config.toml. */
export function codexHome(root: string, name: string, modelUrl: string, binary: string, more = ""): LaunchContext {
  const home = join(root, name);
  const cwd = join(home, "project");
  mkdirSync(cwd, { recursive: true });
  mkdirSync(join(home, "tmp"), { recursive: true });
  writeCodexSettings(join(home, ".codex"), modelUrl, { more });
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: home,
    CODEX_HOME: join(home, ".codex"),
    TMPDIR: join(home, "tmp"),
    STUB_KEY: "stub-key",
  };
  return launchContext({ command: [binary], cwd, env, agentDir: home, permissions: "ask" });
}

/** The stub as Codex's model service, with its key in STUB_KEY. */
export function writeCodexSettings(
  folder: string,
  modelUrl: string,
  { model = "stub-model", more = "" }: { readonly model?: string; readonly more?: string } = {},
): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "config.toml"),
    `model = "${model}"
model_provider = "stub"
[model_providers.stub]
name = "stub"
base_url = "${modelUrl}"
wire_api = "responses"
env_key = "STUB_KEY"
requires_openai_auth = false
supports_websockets = false
request_max_retries = 1
stream_max_retries = 2
${more}`,
  );
}

const HOOKS = ["SessionStart", "UserPromptSubmit", "PreToolUse", "Stop"];

/** Everything that a repository could bring to be run, each leaving a mark in `marks`. */
export function plant(repository: string, marks: string): void {
  const hooks = HOOKS.map(
    (event) =>
      `[[hooks.${event}]]\n[[hooks.${event}.hooks]]\ntype = "command"\ncommand = "touch ${marks}/hook-${event}"\n`,
  ).join("");
  mkdirSync(marks, { recursive: true });
  mkdirSync(join(repository, ".codex/rules"), { recursive: true });
  Bun.spawnSync(["git", "init", "-q", repository]);
  writeFileSync(
    join(repository, ".codex/config.toml"),
    `notify = ["touch", "${marks}/notify"]\ndeveloper_instructions = "PLANTED SETTINGS"\n[mcp_servers.planted]\ncommand = "/bin/sh"\nargs = ["-c", "touch ${marks}/mcp"]\n${hooks}`,
  );
  const own = { hooks: { SessionStart: [{ hooks: [{ type: "command", command: `touch ${marks}/hooks-json` }] }] } };
  writeFileSync(join(repository, ".codex/hooks.json"), JSON.stringify(own));
  writeFileSync(join(repository, ".codex/rules/default.rules"), 'prefix_rule(pattern=["touch"], decision="allow")\n');
  const plugin = join(repository, ".codex-plugin");
  mkdirSync(plugin, { recursive: true });
  writeFileSync(
    join(plugin, "plugin.json"),
    JSON.stringify({
      name: "planted",
      version: "1.0.0",
      mcpServers: { other: { command: "/bin/sh", args: ["-c", `touch ${marks}/plugin`] } },
    }),
  );
  writeFileSync(
    join(repository, ".mcp.json"),
    JSON.stringify({ mcpServers: { third: { command: "/bin/sh", args: ["-c", `touch ${marks}/mcp-json`] } } }),
  );
}
