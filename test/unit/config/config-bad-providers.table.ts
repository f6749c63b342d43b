/** Malformed webhooks and providers in the daemon's config. Part of `config-bad.table.ts`. */
import type { BadConfig } from "./config-bad.table.ts";

const provider = (settings: unknown): Readonly<Record<string, unknown>> => ({ providers: { mine: settings } });
const variable = "a variable name that does not begin with AH_ (those are the harness's own)";
const passed = "a variable name, or a prefix ending in *, that does not begin with AH_";
const kinds = "one of claude-code, codex, opencode, pi, acp, command";
const signing = 'a secret "whsec_" + base64 of 24 to 64 bytes';
const events =
  "one of agent_completed, agent_error, agent_aborted, agent_exited, agent_waiting_input, agent_stalled, agent_limited, agent_resumed, agent_budget, agent_unreachable";

export const badWebhooksAndProviders: readonly BadConfig[] = [
  // Webhook
  {
    what: "a webhook without scheme",
    file: { webhook: { url: "localhost:7071/x" } },
    problems: ['webhook.url: got another string, expected an http or https URL'],
  },
  {
    what: "a webhook over ftp",
    file: { webhook: { url: "ftp://h/x" } },
    problems: ['webhook.url: got another string, expected an http or https URL'],
  },
  {
    what: "a webhook with a password",
    file: { webhook: { url: "http://u:p@h/" } },
    problems: ['webhook.url: got another string, expected a URL without user and password (a token has its own key)'],
  },
  {
    what: "an unknown event",
    file: { webhook: { events: ["agent_complete"] } },
    problems: [`webhook.events[0]: got "agent_complete", expected ${events}; did you mean "agent_completed"?`],
  },
  {
    what: "a secret without its mark",
    file: { webhook: { secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } },
    problems: [`webhook.secret: got another string, expected ${signing}`],
  },
  {
    what: "a secret too short",
    file: { webhook: { secret: "whsec_AAAA" } },
    problems: [`webhook.secret: got another string, expected ${signing}`],
  },
  {
    what: "a secret and a secret file",
    file: { webhook: { secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", secretFile: "/nonexistent/s" } },
    problems: ["webhook.secretFile: got both webhook.secret and webhook.secretFile, expected only one of them"],
  },
  {
    what: "a webhook as text",
    file: { webhook: "http://localhost" },
    problems: ['webhook: got "http://localhost", expected an object'],
  },

  // Providers
  {
    what: "a new provider without kind",
    file: provider({ command: "x" }),
    problems: [`providers.mine.kind: missing, expected ${kinds}`],
  },
  {
    what: "an unknown kind",
    file: provider({ kind: "claude" }),
    problems: [`providers.mine.kind: got "claude", expected ${kinds}`],
  },
  {
    what: "kind acp without a command",
    file: provider({ kind: "acp" }),
    problems: ['providers.mine.command: missing, expected the program to run, because kind "acp" has no default one'],
  },
  {
    what: "a shell line as command",
    file: provider({ kind: "command", command: "npx foo --x" }),
    problems: [
      'providers.mine.command: got "npx foo --x", expected a program without arguments; with arguments write ["npx","foo","--x"]',
    ],
  },
  {
    what: "an empty command",
    file: provider({ kind: "command", command: [] }),
    problems: ["providers.mine.command: got an array of 0, expected a program and its arguments, at least one"],
  },
  {
    what: "a number in a command",
    file: provider({ kind: "command", command: ["x", 1] }),
    problems: ["providers.mine.command[1]: got 1, expected a non-empty string of at most 4096 characters"],
  },
  {
    what: "args as text",
    file: { providers: { codex: { args: "--x" } } },
    problems: ['providers.codex.args: got "--x", expected an array of at most 1000, each a string without NUL'],
  },
  {
    what: "a variable of ours for a child",
    file: { providers: { codex: { env: { AH_AUTH_TOKEN: "x" } } } },
    problems: [`providers.codex.env.AH_AUTH_TOKEN: got the key "AH_AUTH_TOKEN", expected ${variable}`],
  },
  {
    what: "a variable name that is none",
    file: { providers: { codex: { env: { "1A": "x" } } } },
    problems: [`providers.codex.env.1A: got the key "1A", expected ${variable}`],
  },
  {
    what: "a variable that is no text, which is not shown",
    file: { providers: { codex: { env: { KEY: 42 } } } },
    problems: ["providers.codex.env.KEY: got a value of type number, expected a string without NUL"],
  },
  {
    what: "our token passed on",
    file: { providers: { codex: { passEnv: ["AH_AUTH_TOKEN"] } } },
    problems: [`providers.codex.passEnv[0]: got "AH_AUTH_TOKEN", expected ${passed}`],
  },
  {
    what: "everything passed on",
    file: { providers: { codex: { passEnv: ["*"] } } },
    problems: [`providers.codex.passEnv[0]: got "*", expected ${passed}`],
  },
  {
    what: "an unknown permission mode",
    file: { providers: { codex: { permissions: "yolo" } } },
    problems: ['providers.codex.permissions: got "yolo", expected one of ask, allow, deny'],
  },
  {
    what: "enabled as text",
    file: { providers: { codex: { enabled: "yes" } } },
    problems: ['providers.codex.enabled: got "yes", expected true or false'],
  },
  {
    what: "promptAs where it means nothing",
    file: { providers: { codex: { promptAs: "arg" } } },
    problems: ['providers.codex.promptAs: got "arg", expected only in a provider of kind "command"'],
  },
  {
    what: "a provider name with a slash",
    file: { providers: { "a/b": { kind: "codex" } } },
    problems: [
      'providers["a/b"]: got the key "a/b", expected a provider name of 1 to 64 letters, digits, dots, dashes or underscores',
    ],
  },
  {
    what: "a slip in a provider's key",
    file: { providers: { codex: { comand: "x" } } },
    problems: ['providers.codex.comand: unknown key, did you mean "command"?'],
  },
  {
    what: "a provider as text",
    file: { providers: { codex: "codex" } },
    problems: ['providers.codex: got "codex", expected an object'],
  },
];
