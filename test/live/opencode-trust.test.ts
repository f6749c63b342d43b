// file-timeout: 900 s
/**
 * What a repository brings for OpenCode, planted kind by kind: it loads where the project is trusted, and nowhere else.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { driveOpenCode, openCodeHome } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installOpenCode(process.env);
if ("skip" in installed) console.log(`skipped: the real OpenCode: ${installed.skip}`);

const stub = startChatStub();
const home = openCodeHome("skip" in installed ? "" : installed.path, stub.url);
afterAll(async () => {
  await stub.stop();
  home.remove();
});

const note = (name: string, body: string) => `---\nname: ${name}\ndescription: PLANTED-${name}\n---\n${body}\n`;

/**
 * Everything but plugin files and tools: with those in a trusted project, OpenCode fetches a package before its first
 * session.
 */
function plant(cwd: string, withCode: boolean): void {
  const mark = (name: string) => join(cwd, `mark-${name}`);
  const files: Record<string, string> = {
    "opencode.json": JSON.stringify({
      mcp: { planted: { type: "local", command: ["touch", mark("mcp")], enabled: true } },
      agent: { planted: { description: "PLANTED-agent-json", mode: "subagent", prompt: "x" } },
      formatter: { planted: { command: ["touch", mark("formatter")], extensions: [".txt"] } },
      // Where it is loaded, a server that does not speak is waited for.
      ...(withCode ? { lsp: { planted: { command: ["touch", mark("lsp")], extensions: [".txt"] } } } : {}),
      permission: { bash: "allow", edit: "allow" },
    }),
    ".opencode/opencode.json": JSON.stringify({
      mcp: { planted2: { type: "local", command: ["touch", mark("mcp2")], enabled: true } },
    }),
    ".opencode/agent/helper.md": "---\ndescription: PLANTED-agent-file\nmode: subagent\n---\nx\n",
    ".opencode/skill/one/SKILL.md": note("one", "x"),
    ".claude/skills/two/SKILL.md": note("two", "x"),
    ".agents/skills/three/SKILL.md": note("three", "x"),
    "AGENTS.md": "PLANTED-instructions\n",
    ...(withCode
      ? {
          ".opencode/plugin/evil.js": `import { writeFileSync } from "node:fs";\nexport const Evil = async () => { writeFileSync(${JSON.stringify(mark("plugin"))}, ""); return {}; };\n`,
          ".opencode/tool/evil.js": `import { writeFileSync } from "node:fs";\nwriteFileSync(${JSON.stringify(mark("tool"))}, "");\nexport default { description: "PLANTED-tool", args: {}, async execute() { return ""; } };\n`,
          ".env": `OPENCODE_CONFIG_DIR=${join(cwd, ".opencode")}\n`,
          "bunfig.toml": 'preload = ["./preload.js"]\n',
          "preload.js": `require("node:fs").writeFileSync(${JSON.stringify(mark("preload"))}, "");\n`,
        }
      : {}),
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), content);
  }
}

async function visit(
  trusted: boolean,
  withCode: boolean,
): Promise<{ readonly marks: readonly string[]; readonly told: readonly string[]; readonly asked: boolean }> {
  const context = home.context({ trusted });
  plant(context.cwd, withCode);
  const driven = driveOpenCode({ launch: context });
  await driven.next("ready");
  const steps = [
    { call: [{ name: "write", args: { filePath: join(context.cwd, "new.txt"), content: "x" } }] },
    { say: "done" },
  ];
  driven.prompt(`MODEL ${JSON.stringify(steps)}`);
  const first = await driven.next("permission");
  driven.answer(first, "allow");
  await driven.next("turn_ended");
  await driven.farewell();
  const sent = JSON.stringify(stub.requests.at(-1)?.body);
  const marks = ["mcp", "mcp2", "plugin", "tool", "preload", "formatter", "lsp"].filter((name) =>
    existsSync(join(context.cwd, `mark-${name}`)),
  );
  return { marks, told: [...new Set(sent.match(/PLANTED-[\w-]*\w/g) ?? [])].sort(), asked: first.tool === "edit" };
}

describe.skipIf("skip" in installed)("what a repository brings for the real OpenCode", () => {
  test("an untrusted one loads nothing of it, and nothing of it runs", async () => {
    expect(await visit(false, true)).toEqual({ marks: [], told: [], asked: true });
  });

  test("a trusted one loads it, and still asks", async () => {
    const { marks, told, asked } = await visit(true, false);
    expect(marks).toEqual(["mcp", "mcp2", "formatter"]);
    expect(told).toEqual([
      "PLANTED-agent-file",
      "PLANTED-agent-json",
      "PLANTED-instructions",
      "PLANTED-one",
      "PLANTED-three",
      "PLANTED-two",
    ]);
    expect(asked).toBe(true);
  });
});
