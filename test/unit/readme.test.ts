/**
 * The README against the code: what it says of keys, routes, events, providers, statuses and exit codes is what there
 * is.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import { harnessSpec, loadHarnessConfig } from "../../src/config/harness.ts";
import { loadReceiverConfig, receiverSpec } from "../../src/receiver/config.ts";
import { LAST_MESSAGE_MAX } from "../../src/webhook/payload.ts";
import { WEBHOOK_SCHEDULE } from "../../src/webhook/schedule.ts";
import { STATUSES } from "../../src/words/agent.ts";
import { EXIT, EXIT_MEANS } from "../../src/words/exits.ts";
import { ABILITIES } from "../provider/abilities.ts";
import { CAPABILITIES, KINDS, LIVE_NAMES } from "../provider/capabilities.ts";
import { README, generatedTables, servedApi, tableIn } from "../support/readme.ts";

const TEST_DIR = join(import.meta.dir, "..");
const readme = readFileSync(README, "utf8");

/** The text from a heading to the next of its level or above. */
function section(title: string): string {
  const [, marks = ""] = new RegExp(`^(#+) ${title}$`, "m").exec(readme) ?? [];
  if (marks === "") throw new Error(`README.md has no section "${title}"`);
  const rest = readme.slice(readme.indexOf(`${marks} ${title}\n`) + marks.length + title.length + 2);
  const end = rest.search(new RegExp(`^#{1,${marks.length}} `, "m"));
  return end === -1 ? rest : rest.slice(0, end);
}

/** Cells of the rows whose first cell is code. */
function rows(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/^\| (`.*) \|$/gm)].map(([, line = ""]) =>
    line.split(/(?<!\\)\|/).map((cell) => cell.trim()),
  );
}

const code = (cell = ""): string => cell.replace(/^`([^`]*)`$/, "$1");
const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(new RegExp("^```" + language + "\n([\\s\\S]*?)^```$", "gm"))].map(([, body = ""]) => body);

test.each(["api", "commands", "errors", "events", "exits", "notices", "providers"])(
  "the table of %s is the one made from the code (bun test/support/readme.ts writes it)",
  async (name) => {
    expect(tableIn(readme, name)).toBe((await generatedTables()).get(name) ?? "no such table");
  },
);

interface Keys {
  readonly properties?: Readonly<Record<string, Keys>>;
  readonly additionalProperties?: Keys | boolean;
}

/** `limits.maxAgents`, `providers.NAME.kind`; lists and free maps are one key. */
function keysOf(schema: Keys, path = ""): string[] {
  const at = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, inner]) => keysOf(inner, at(name)));
  const inner = schema.additionalProperties;
  return typeof inner === "object" && inner.properties !== undefined ? keysOf(inner, at("NAME")) : [path];
}

/** What the loader gives where the file says nothing; "none" = nothing. Of the providers, those of a new one. */
function defaultAt(config: unknown, key: string): string {
  let value: unknown = config;
  for (const name of key.replace("providers.NAME", "providers.codex").split("."))
    value = typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : undefined;
  return value === undefined || value === null ? "none" : JSON.stringify(value).replaceAll("/home/you", "~");
}

describe.each([
  {
    title: "Configuration",
    spec: harnessSpec,
    load: loadHarnessConfig,
    worded: ["webhook.events", "providers.NAME.kind", "providers.NAME.command"],
  },
  {
    title: "To Discord and OpenClaw in five minutes",
    spec: receiverSpec,
    load: loadReceiverConfig,
    // These depend on one another, and are resolved into other shapes.
    worded: ["discord.allowOtherHost", "openclaw.transport", "openclaw.command", "openclaw.hookUrl", "openclaw.mode"],
  },
])("the config table of $title", ({ title, spec, load, worded }) => {
  const table = rows(section(title));

  test("has every key, in the order of the schema", () => {
    const keys: Keys = spec.schema.json;
    expect(table.map(([key]) => code(key))).toEqual(keysOf(keys));
  });

  test("names the defaults", () => {
    const loaded = load({ env: { HOME: "/home/you" }, systemDir: "/nonexistent" });
    if (!loaded.ok) throw new Error("the defaults do not load");
    const wrong = table
      .filter(([key]) => !new Set<string>(worded).has(code(key)))
      .map(([key, shown]) => ({ key: code(key), shown: code(shown), real: defaultAt(loaded.value, code(key)) }))
      .filter(({ shown, real }) => shown !== real);
    expect(wrong).toEqual([]);
  });

  test("names the variables", () => {
    const shown = table.flatMap(([key, , variable]) =>
      variable === "" || variable === undefined ? [] : [[code(variable), code(key)]],
    );
    expect(shown.sort()).toEqual(spec.env.map(({ variable, key }) => [variable, key.join(".")]).sort());
  });
});

test("defaults that are resolved into other shapes are as the table says", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-readme-"));
  const openclaw = (given: object) => {
    const path = join(dir, "receiver.json");
    writeFileSync(path, JSON.stringify({ openclaw: given }));
    const loaded = loadReceiverConfig({ path, env: { HOME: "/home/you" } });
    return loaded.ok ? loaded.value.openclaw : null;
  };
  expect(openclaw({})).toMatchObject({ hook: null, cli: { command: ["openclaw"] }, mode: "now", sessionKey: null });
  expect(openclaw({ hookToken: "t" })?.hook?.url).toBe("http://127.0.0.1:18789/hooks/wake");
  rmSync(dir, { recursive: true });
});

test("the status table has every status", () => {
  expect(rows(section("How a status is decided")).map(([status]) => code(status))).toEqual([...STATUSES]);
});

test("the example of a webhook has the seven keys in order", () => {
  const [example = "{}"] = blocks(section("Webhooks"), "json");
  expect(Object.keys(JSON.parse(example))).toEqual([
    "event",
    "project",
    "agentId",
    "provider",
    "status",
    "lastMessage",
    "timestamp",
  ]);
  expect(readme).toContain(`cut at ${LAST_MESSAGE_MAX.toLocaleString("en").replace(",", " ")} characters`);
});

test("the retry schedule is the real one", () => {
  const words = (ms: number): string =>
    ms < 60_000 ? `${ms / 1000} s` : ms < 3_600_000 ? `${ms / 60_000} min` : `${ms / 3_600_000} h`;
  const { delaysMs, thenEveryMs, giveUpAfterMs } = WEBHOOK_SCHEDULE;
  expect(readme).toContain(
    `${delaysMs.map(words).join(", ")} and then every ${words(thenEveryMs ?? 0)} for ${giveUpAfterMs / 3_600_000} hours`,
  );
});

test("every exit code of a command has its meaning on the page", () => {
  const page = section("Command line");
  const used = new Set(COMMANDS.flatMap(({ exits }) => exits));
  expect(Object.keys(EXIT_MEANS).map(Number)).toEqual(Object.values(EXIT));
  for (const code of used) expect(page).toContain(`| \`${code}\` | ${EXIT_MEANS[code]} |`);
});

describe("what each provider can do", () => {
  const suite = readdirSync(join(TEST_DIR, "provider"))
    .filter((name) => name.startsWith("suite-"))
    .map((name) => readFileSync(join(TEST_DIR, "provider", name), "utf8"))
    .join("\n");
  const liveNames = readdirSync(join(TEST_DIR, "live"));
  const common = readFileSync(join(TEST_DIR, "live/suite-cases.ts"), "utf8");
  const liveOf = (name: string): string => {
    const own = liveNames
      .filter((file) => file.startsWith(`${name}-`) && file.endsWith(".test.ts"))
      .map((file) => readFileSync(join(TEST_DIR, "live", file), "utf8"))
      .join("\n");
    return own.includes("liveSuite(") ? own + common : own;
  };
  const isTest = (text: string, name: string): boolean =>
    [`"${name}"`, `'${name}'`, `\`${name}\``].some(
      (quoted) =>
        text.includes(`(${quoted},`) || text.includes(`(\n    ${quoted},`) || text.includes(`(\n      ${quoted},`),
    );

  test.each(CAPABILITIES)(
    "$label: every yes has its case of the suite and its live test, every no its reason",
    ({ has, suite: suiteCase, live, instead = {} }) => {
      expect(isTest(suite, suiteCase) ? "" : suiteCase).toBe("");
      for (const kind of KINDS) {
        const name = live[kind];
        if (name !== undefined) {
          expect(`${kind} ${has(ABILITIES[kind])}`).toBe(`${kind} true`);
          expect(isTest(liveOf(LIVE_NAMES[kind]), name) ? "" : `${kind}: ${name}`).toBe("");
        } else if (has(ABILITIES[kind]))
          expect(`${kind}: ${instead[kind] ?? "a fake can, and the table says no without a reason"}`).toBe(
            `${kind}: ${instead[kind]}`,
          );
      }
    },
  );
});

test("every curl line calls a route that is there", async () => {
  const { paths } = await servedApi();
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      like: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`),
    })),
  );
  const calls = [...readme.matchAll(/\bcurl -.*?(?:\n|`(?!`))/g)].map(([line]) => {
    const url =
      /(?:\$\w+|http:\/\/127\.0\.0\.1:[^/ ]+)(?:\/[^\s"`?]*)?/.exec(line.replace(/'\{.*?\}'/, ""))?.[0] ?? line;
    const path = url
      .replace(/^\$agent/, "/api/v1/projects/hello/agents/first")
      .replace(/^\$api/, "/api/v1")
      .replace(/^(\$url|http:\/\/127\.0\.0\.1:[^/]+)/, "");
    const method = /-X (\w+)/.exec(line)?.[1] ?? (line.includes("--json") ? "POST" : "GET");
    return { line: line.trim(), method, path };
  });
  expect(calls.length).toBeGreaterThan(12);
  const lost = calls.filter(
    ({ method, path }) => !routes.some((route) => route.method === method && route.like.test(path)),
  );
  expect(lost).toEqual([]);
});

test("links within the page lead somewhere", () => {
  const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...readme.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
  expect(links.filter((link) => !anchors.includes(link ?? ""))).toEqual([]);
});

test("the list of contents has every section, in their order", () => {
  const before = readme.slice(0, readme.indexOf("\n## "));
  const listed = [...before.matchAll(/^\* \[(.*?)\]/gm)].map(([, title]) => title);
  expect(listed).toEqual([...readme.matchAll(/^## (.*)$/gm)].map(([, title]) => title));
});
