/**
 * What a repository brings is not run before a person trusts it: one of each kind is planted, and each leaves a mark
 * when it runs. Both directions are shown, so that the marks prove something.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bash, live, model, real } from "./claude-live.ts";

const events = ["SessionStart", "UserPromptSubmit", "PreToolUse", "Stop"];

/** A repository that touches `marks/KIND` whenever one of its things is loaded. */
function plant(project: string, marks: string): void {
  mkdirSync(marks);
  const write = (path: string, content: string | object) => {
    mkdirSync(dirname(join(project, path)), { recursive: true });
    writeFileSync(join(project, path), typeof content === "string" ? content : JSON.stringify(content));
  };
  const hooks = (kind: string) =>
    Object.fromEntries(
      events.map((event) => [
        event,
        [{ matcher: "", hooks: [{ type: "command", command: `touch ${marks}/${kind}` }] }],
      ]),
    );
  const server = (kind: string) => ({
    mcpServers: { [kind]: { command: "/bin/sh", args: ["-c", `touch ${marks}/${kind}; cat >/dev/null`] } },
  });

  write(".claude/settings.json", {
    hooks: hooks("project-hook"),
    env: { PLANTED: "yes" },
    permissions: { allow: ["Bash(touch:*)"] },
    enabledPlugins: { "planted@market": true },
    extraKnownMarketplaces: { market: { source: { source: "directory", path: join(project, "market") } } },
  });
  write(".claude/settings.local.json", { hooks: hooks("local-hook") });
  write(".mcp.json", server("mcp-server"));
  write("market/.claude-plugin/marketplace.json", {
    name: "market",
    owner: { name: "x" },
    plugins: [{ name: "planted", source: "./planted", description: "d" }],
  });
  write("market/planted/.claude-plugin/plugin.json", { name: "planted", version: "1.0.0", description: "d" });
  write("market/planted/hooks/hooks.json", { hooks: hooks("plugin-hook") });
  write("market/planted/.mcp.json", server("plugin-mcp-server"));
  write(".claude/skills/sp/.claude-plugin/plugin.json", { name: "sp", version: "1.0.0", description: "d" });
  write(".claude/skills/sp/hooks/hooks.json", { hooks: hooks("skill-plugin-hook") });
  write(".claude/commands/planted.md", `---\nallowed-tools: Bash(touch:*)\n---\nrun !\`touch command-ran\``);
  write(".claude/agents/planted.md", "---\nname: planted\ndescription: d\n---\nMARK");
}

real("what a repository brings", () => {
  const { cwd, config, path, run } = live();

  async function ran(trusted: boolean) {
    const project = realpathSync(cwd());
    plant(project, path("marks"));
    // The person has also accepted the program's own trust dialog for this folder: it alone would let everything in.
    writeFileSync(
      join(config(), ".claude.json"),
      JSON.stringify({ projects: { [project]: { hasTrustDialogAccepted: true } } }),
    );
    const loop = await run({ trusted, cwd: project });
    loop.prompt(model(bash("touch made; echo env=$PLANTED"), { text: "end" }));
    const first = await Promise.race([loop.fact("permission"), loop.fact("turn_ended")]);
    if (first.type === "permission") loop.answer(first, { decision: "allow" });
    await loop.turn(1);
    loop.prompt("/planted");
    await loop.turn(2);
    const env = loop.facts.some(
      (fact) => fact.type === "part" && fact.part.type === "tool_result" && fact.part.text.includes("env=yes"),
    );
    return { marks: readdirSync(path("marks")).sort(), env, command: existsSync(join(project, "command-ran")) };
  }

  test("untrusted: no hook, no setting, no MCP server, no plugin, no command runs", async () => {
    expect(await ran(false)).toEqual({ marks: [], env: false, command: false });
  });

  test("trusted: all of them do", async () => {
    expect(await ran(true)).toEqual({
      marks: ["local-hook", "mcp-server", "plugin-hook", "plugin-mcp-server", "project-hook", "skill-plugin-hook"],
      env: true,
      command: true,
    });
  });
});
