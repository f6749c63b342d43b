/**
 * The README's tables that are made from the code: routes, events, notices, and what each provider can do. Between two
 * marks `<!-- table: NAME -->` and `<!-- end -->`; test/unit/readme.test.ts compares them, `bun test/support/readme.ts`
 * writes them.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EVENT_TYPES } from "../../src/words/events.ts";
import { ERROR_CODES, ERRORS } from "../../src/words/errors.ts";
import { EXIT_MEANS } from "../../src/words/exits.ts";
import type { ProviderKind } from "../../src/words/kinds.ts";
import { NOTICES } from "../../src/words/notices.ts";
import { PINS, type Pin } from "../live/pins.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { usageOf } from "../../src/cli/help.ts";
import { KINDS, capabilityRows } from "../provider/capabilities.ts";
import { testDaemon } from "./daemon.ts";

export const README = join(import.meta.dir, "../../README.md");

interface SchemaJson {
  readonly type?: unknown;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaJson>>;
  readonly required?: readonly string[];
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly required?: boolean;
    readonly content: Readonly<Record<string, { readonly schema: SchemaJson }>>;
  };
  readonly responses: Readonly<Record<string, unknown>>;
}

/** Made by our own server a moment ago. */
export interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Of a box that belongs to a fleet, whose database is away. */
export async function servedApi(): Promise<Description> {
  const daemon = await testDaemon({ fleet: { url: "postgres://nobody@127.0.0.1:1/none" } });
  try {
    return (await (await fetch(`${daemon.api().url}/api/v1/openapi.json`)).json()) as Description;
  } finally {
    await daemon.close();
  }
}

const row = (...cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
const head = (...cells: readonly string[]): string => `${row(...cells)}\n|${cells.map(() => "---").join("|")}|`;

/** The README says once what stands for this. */
const AGENT = "/api/v1/projects/{name}/agents/{id}";

export function apiTable({ paths }: Description): string {
  const rows = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const status = Object.keys(operation.responses).find((code) => code !== "default") ?? "";
      return row(
        `${method.toUpperCase()} \`${path.replace(AGENT, "…")}\``,
        takes(operation),
        `${operation.summary}${status === "200" ? "" : ` (${status})`}`,
      );
    }),
  );
  return [head("route", "takes", "what"), ...rows].join("\n");
}

/** Query parameters and the keys of the body; what may be left out carries a `?`. */
function takes({ parameters = [], requestBody }: Operation): string {
  const query = parameters.filter((each) => each.in === "query").map(({ name }) => name);
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  const body = Object.keys(schema?.properties ?? {}).map((key) =>
    schema?.required?.includes(key) === true ? key : `${key}?`,
  );
  return [
    ...(query.length === 0 ? [] : [`\`?${query.join("&")}\``]),
    ...(body.length === 0 ? [] : [`\`{${body.join(", ")}}\``]),
  ].join(" ");
}

export function commandTable(): string {
  const shown = COMMANDS.filter(({ hidden }) => hidden !== true).flatMap((command) => [
    command,
    ...(command.subs ?? []),
  ]);
  return [
    head("command", "what", "exit codes"),
    ...shown.map((command) => row(`\`${usageOf(command)}\``, command.what, command.exits.join(" "))),
  ].join("\n");
}

export function eventTable(): string {
  return [head("event", "says"), ...Object.entries(EVENT_TYPES).map(([type, text]) => row(`\`${type}\``, text))].join(
    "\n",
  );
}

export function errorTable(): string {
  return [
    head("code", "status", "exit code", "means"),
    ...ERROR_CODES.map((code) => {
      const { status, exit, means } = ERRORS[code];
      return row(`\`${code}\``, status === null ? "" : String(status), String(exit), means);
    }),
  ].join("\n");
}

export function exitTable(): string {
  return [
    head("exit code", "means"),
    ...Object.entries(EXIT_MEANS).map(([code, means]) => row(`\`${code}\``, means)),
  ].join("\n");
}

export function noticeTable(): string {
  return [head("event", "when"), ...Object.entries(NOTICES).map(([event, text]) => row(`\`${event}\``, text))].join(
    "\n",
  );
}

export function providerTable(): string {
  const tried = (versions: (pin: Pin) => readonly string[]) => KINDS.map((kind) => triedWith(kind, versions));
  return [
    head("", ...KINDS.map((kind) => `\`${kind}\``)),
    ...capabilityRows().map(({ label, cells }) => row(label, ...cells)),
    row("tried with (`make test-live`)", ...tried(({ newest }) => [newest])),
    row("tried by hand, too", ...tried(({ byHand }) => byHand.map(({ version, files }) => `${version} (${files})`))),
  ].join("\n");
}

/** The programs of this kind, each with its versions; those without any are left out. */
function triedWith(kind: ProviderKind, versions: (pin: Pin) => readonly string[]): string {
  const programs = Object.values<Pin>(PINS).filter((pin) => pin.kind === kind && versions(pin).length > 0);
  return programs.map((pin) => `${pin.title} ${versions(pin).join(", ")}`).join("; ");
}

export async function generatedTables(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ["api", apiTable(await servedApi())],
    ["commands", commandTable()],
    ["events", eventTable()],
    ["errors", errorTable()],
    ["exits", exitTable()],
    ["notices", noticeTable()],
    ["providers", providerTable()],
  ]);
}

const block = (name: string): RegExp => new RegExp(`(<!-- table: ${name} -->\n)([\\s\\S]*?)(<!-- end -->)`);

/** What stands between the marks; undefined when they are not there. */
export function tableIn(text: string, name: string): string | undefined {
  return block(name).exec(text)?.[2]?.trimEnd();
}

if (import.meta.main) {
  let text = readFileSync(README, "utf8");
  for (const [name, table] of await generatedTables())
    text = text.replace(block(name), (_, before: string, __, after: string) => `${before}${table}\n${after}`);
  writeFileSync(README, text);
}
