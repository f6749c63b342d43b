/** Who pays: the same for the same login, another for another, and never made of what is renewed. */
import { describe, expect, test } from "bun:test";
import type { Payer } from "../../../src/agents/run-settings.ts";
import { identityOf } from "../../../src/night/identity.ts";

const files: Record<string, unknown> = {};
const tools = {
  readJson: (path: string) => files[path],
  hash: (secret: string) => `<${secret}>`,
  realPath: (path: string) => path.replace("/link/", "/real/"),
};
const of = (kind: Payer["kind"], env: Record<string, string> = {}, more: Partial<Payer> = {}): string =>
  identityOf({ kind, model: null, env: { HOME: "/home/u", ...env }, ...more }, tools);

test("what the config says wins, and two kinds with one name are two accounts", () => {
  expect(of("claude-code", { ANTHROPIC_API_KEY: "k" }, { account: "work" })).toBe("claude-code:work");
  expect(of("codex", {}, { account: "work" })).toBe("codex:work");
});

describe("Claude Code", () => {
  test("a key in the environment pays, whoever is logged in", () => {
    files["/home/u/.claude.json"] = { oauthAccount: { accountUuid: "u-1", organizationUuid: "o-1" } };
    expect(of("claude-code", { ANTHROPIC_API_KEY: "k1" })).toBe("claude-code:key-<k1>");
    expect(of("claude-code")).toBe("claude-code:id-<u-1>");
  });
  test("a config folder of its own is a login of its own", () => {
    files["/c/.claude.json"] = { oauthAccount: { organizationUuid: "o-2" } };
    expect(of("claude-code", { CLAUDE_CONFIG_DIR: "/c" })).toBe("claude-code:id-<o-2>");
    expect(of("claude-code", { CLAUDE_CONFIG_DIR: "/link/d" })).toBe("claude-code:login-</real/d>");
  });
});

test("Codex: the account of its login, not the token that is renewed", () => {
  files["/home/u/.codex/auth.json"] = { tokens: { account_id: "acc", access_token: "renewed" } };
  expect(of("codex")).toBe("codex:id-<acc>");
  files["/x/auth.json"] = { OPENAI_API_KEY: "sk" };
  expect(of("codex", { CODEX_HOME: "/x" })).toBe("codex:key-<sk>");
  expect(of("codex", { CODEX_HOME: "/nothing" })).toBe("codex:login-</nothing>");
});

test.each([
  ["opencode", "/home/u/.local/share/opencode/auth.json"],
  ["pi", "/home/u/.pi/agent/auth.json"],
] as const)("%s: the vendor that its model names", (kind, file) => {
  files[file] = { anthropic: { type: "api", key: "k" }, openai: { type: "oauth", access: "renewed" } };
  expect(of(kind, {}, { model: "anthropic/claude" })).toBe(`${kind}:anthropic-key-<k>`);
  expect(of(kind, {}, { model: "openai/gpt" })).toBe(`${kind}:openai-login-<${file}>`);
  expect(of(kind, { GROQ_API_KEY: "g" }, { model: "groq/x" })).toBe(`${kind}:groq-key-<g>`);
  expect(of(kind)).toBe(`${kind}:login-<${file}>`);
});

test("a vendor's name is made fit for a path, and reads no member that is not the file's own", () => {
  expect(of("pi", {}, { model: "a/../b" })).toContain("pi:a-login");
  expect(of("pi", {}, { model: "constructor/x" })).toContain("pi:constructor-login");
  expect(of("pi", {}, { model: "we ird\u0000/x" })).toStartWith("pi:we-ird--login");
});
