/** Malformed configs of the daemon and exactly what is said about each. Used here and through the command line. */
import { badWebhooksAndProviders } from "./config-bad-providers.table.ts";

export interface BadConfig {
  readonly what: string;
  /** The file's text, or a value to be written as JSON. */
  readonly file: string | Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** "path: message", or the message alone where the whole file is meant. */
  readonly problems: readonly string[];
}

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `h${i}`);
const kinds = "one of claude-code, codex, opencode, pi, acp, command";
const token = "a token of printable ASCII without spaces";
const noToken =
  "expected a loopback address while there is no auth.token: whoever can call may run code; set auth.token, auth.tokenFile or AH_AUTH_TOKEN";
const signing = 'a secret "whsec_" + base64 of 24 to 64 bytes';
const keys =
  "host, port, listen, listenMode, listenGroup, stateDir, logLevel, allowedHosts, auth, webhook, providers, projects, limits, onLimit, budget, retention, fleet";

export const badConfigs: readonly BadConfig[] = [
  // The file itself
  {
    what: "an empty file",
    file: "",
    problems: ["not valid JSON at line 1, column 1: expected a value, got the end of the text"],
  },
  {
    what: "a comma too many",
    file: '{\n  "port": 1,\n}',
    problems: ['not valid JSON at line 3, column 1: a comma stands before "}"'],
  },
  {
    what: "a comma missing",
    file: '{\n  "port": 1\n  "host": "::1"\n}',
    problems: ['not valid JSON at line 3, column 3: expected "," or "}", got "\\""'],
  },
  {
    what: "a comment",
    file: "{\n  // hi\n}",
    problems: ['not valid JSON at line 2, column 3: expected a key in double quotes, got "/"'],
  },
  {
    what: "single quotes",
    file: "{'port': 1}",
    problems: ['not valid JSON at line 1, column 2: expected a key in double quotes, got "\'"'],
  },
  {
    what: "a file that is not closed",
    file: '{"auth": {"token": "x"',
    problems: ['not valid JSON at line 1, column 23: expected "," or "}", got the end of the text'],
  },
  { what: "an array", file: "[]", problems: ["got an array, expected an object of keys"] },
  { what: "a string", file: '"port"', problems: ['got "port", expected an object of keys'] },
  { what: "null", file: "null", problems: ["got null, expected an object of keys"] },
  {
    what: "a key that stands twice",
    file: '{"port": 1, "port": 2}',
    problems: ["port: stands twice, expected once (again at line 1, column 13)"],
  },
  {
    what: "a nested key that stands twice",
    file: '{"limits": {"maxAgents": 1,\n"maxAgents": 2}}',
    problems: ["limits.maxAgents: stands twice, expected once (again at line 2, column 1)"],
  },

  // Keys
  { what: "a slip in a key", file: { prot: 7070 }, problems: ['prot: unknown key, did you mean "port"?'] },
  {
    what: "a key in another case",
    file: { stateDIR: "/x" },
    problems: ['stateDIR: unknown key, did you mean "stateDir"?'],
  },
  { what: "a key of nothing known", file: { zzzzzz: 1 }, problems: [`zzzzzz: unknown key, expected one of ${keys}`] },
  {
    what: "a slip in a nested key",
    file: { auth: { tokn: "x" } },
    problems: ['auth.tokn: unknown key, did you mean "token"?'],
  },
  {
    what: "a slip in a limit",
    file: { limits: { parkIdle: 1 } },
    problems: ['limits.parkIdle: unknown key, did you mean "parkIdleMs"?'],
  },
  {
    what: "__proto__ as a key",
    file: '{"__proto__": {"port": 1}}',
    problems: [`__proto__: unknown key, expected one of ${keys}`],
  },

  // Listening
  {
    what: "a port as text",
    file: { port: "7070" },
    problems: ['port: got "7070", expected an integer from 0 to 65535'],
  },
  {
    what: "a port too high",
    file: { port: 65_536 },
    problems: ["port: got 65536, expected an integer from 0 to 65535"],
  },
  { what: "a negative port", file: { port: -1 }, problems: ["port: got -1, expected an integer from 0 to 65535"] },
  { what: "half a port", file: { port: 70.5 }, problems: ["port: got 70.5, expected an integer from 0 to 65535"] },
  { what: "null for a port", file: { port: null }, problems: ["port: got null, expected an integer from 0 to 65535"] },
  {
    what: "a number for a host",
    file: { host: 1 },
    problems: ["host: got 1, expected a non-empty string of at most 255 characters"],
  },
  {
    what: "an empty host",
    file: { host: "" },
    problems: ['host: got "", expected a non-empty string of at most 255 characters'],
  },
  {
    what: "a URL for a host",
    file: { host: "http://localhost" },
    problems: ['host: got "http://localhost", expected an IP address (IPv6 without brackets) or a host name'],
  },
  {
    what: "a host with brackets",
    file: { host: "[::1]" },
    problems: ['host: got "[::1]", expected an IP address (IPv6 without brackets) or a host name'],
  },
  {
    what: "an address that is none",
    file: { host: "127.0.0.256" },
    problems: ['host: got "127.0.0.256", expected an IP address (IPv6 without brackets) or a host name'],
  },
  { what: "all addresses without a token", file: { host: "0.0.0.0" }, problems: [`host: got "0.0.0.0", ${noToken}`] },
  { what: "all IPv6 addresses without a token", file: { host: "::" }, problems: [`host: got "::", ${noToken}`] },
  { what: "a name without a token", file: { host: "box.example" }, problems: [`host: got "box.example", ${noToken}`] },
  {
    what: "a host of the environment without a token",
    file: {},
    env: { AH_HOST: "192.168.1.5" },
    problems: [`AH_HOST: got "192.168.1.5", ${noToken}`],
  },
  {
    what: "a socket without scheme",
    file: { listen: "/run/ah.sock" },
    problems: ['listen: got "/run/ah.sock", expected a unix socket as "unix:/path" or an address as "host:port"'],
  },
  {
    what: "a relative socket",
    file: { listen: "unix:ah.sock" },
    problems: ['listen: got "unix:ah.sock", expected a unix socket as "unix:/path" or an address as "host:port"'],
  },
  {
    what: "a socket path too long",
    file: { listen: `unix:/${"s".repeat(107)}` },
    problems: [`listen: got "unix:/${"s".repeat(54)}"… (113 characters), expected a socket path of at most 107 bytes`],
  },
  {
    what: "an address to listen on without a port",
    file: { listen: "127.0.0.1" },
    problems: ['listen: got "127.0.0.1", expected a unix socket as "unix:/path" or an address as "host:port"'],
  },
  {
    what: "an IPv6 address to listen on without brackets",
    file: { listen: ["unix:/run/x", "::1:7070"] },
    problems: ['listen[1]: got "::1:7070", expected a unix socket as "unix:/path" or an address as "host:port"'],
  },
  {
    what: "two sockets",
    file: { listen: ["unix:/run/x", "unix:/run/y"] },
    problems: ['listen: got an array of 2, expected one unix socket, one address, or one of each'],
  },
  {
    what: "an address beside a socket that is open without a token",
    file: { listen: ["unix:/run/x", "0.0.0.0:7070"] },
    problems: [`listen: got "0.0.0.0", ${noToken}`],
  },
  {
    what: "an address that is named twice",
    file: { listen: "127.0.0.1:7070", port: 7071 },
    problems: ["port: got 7071, expected nothing here: listen names the address"],
  },
  {
    what: "a shared socket without its group",
    file: { listen: "unix:/run/x", listenMode: "0660" },
    problems: ['listenMode: got "0660", expected listenGroup beside it: the group that may use the socket'],
  },
  {
    what: "a group of a socket that is not shared",
    file: { listen: "unix:/run/x", listenGroup: "agents" },
    problems: ['listenGroup: got "agents", expected listenMode "0660" beside it'],
  },
  { what: "a shared socket that is none", file: { listen: "127.0.0.1:1", listenMode: "0660", listenGroup: "agents" },
    problems: ['listenMode: got "0660", expected a unix socket in listen'] },
  {
    what: "an allowed host with a port",
    file: { allowedHosts: ["box:7070"] },
    problems: ['allowedHosts[0]: got "box:7070", expected a host name without scheme, port or path'],
  },
  {
    what: "an allowed host with a star",
    file: { allowedHosts: ["a", "*.example"] },
    problems: ['allowedHosts[1]: got "*.example", expected a host name without scheme, port or path'],
  },
  {
    what: "one allowed host without a list",
    file: { allowedHosts: "box" },
    problems: [
      'allowedHosts: got "box", expected an array of at most 100, each a non-empty string of at most 255 characters',
    ],
  },
  {
    what: "too many allowed hosts",
    file: { allowedHosts: many(101) },
    problems: [
      "allowedHosts: got an array of 101, expected an array of at most 100, each a non-empty string of at most 255 characters",
    ],
  },

  // Places and log
  {
    what: "a relative state folder",
    file: { stateDir: "state" },
    problems: ['stateDir: got "state", expected an absolute path'],
  },
  {
    what: "a state folder with a tilde",
    file: { stateDir: "~/state" },
    problems: ['stateDir: got "~/state", expected an absolute path'],
  },
  {
    what: "no home to put the state in",
    file: {},
    env: { HOME: "" },
    problems: ["stateDir: missing, expected an absolute path, because neither XDG_STATE_HOME nor HOME names a folder"],
  },
  {
    what: "an unknown log level",
    file: { logLevel: "warning" },
    problems: ['logLevel: got "warning", expected one of debug, info, warn, error'],
  },
  {
    what: "a slip in a log level",
    file: { logLevel: "inof" },
    problems: ['logLevel: got "inof", expected one of debug, info, warn, error; did you mean "info"?'],
  },
  {
    what: "a relative root",
    file: { projects: { roots: ["/srv", "work"] } },
    problems: ['projects.roots[1]: got "work", expected an absolute path'],
  },
  {
    what: "a trusted root without a list",
    file: { projects: { trustedRoots: "/srv" } },
    problems: ['projects.trustedRoots: got "/srv", expected an array of at most 1000, each an absolute path'],
  },

  // Token
  {
    what: "a token that is not text",
    file: { auth: { token: 12345 } },
    problems: [`auth.token: got a value of type number, expected ${token}`],
  },
  {
    what: "an empty token",
    file: { auth: { token: "" } },
    problems: [`auth.token: got an empty string, expected ${token}`],
  },
  {
    what: "a token with a space, which is not shown",
    file: { auth: { token: "hunter2 hunter2" } },
    problems: [`auth.token: got another string, expected ${token}`],
  },
  { what: "auth as text", file: { auth: "secret" }, problems: ['auth: got "secret", expected an object'] },
  {
    what: "a broken token and an open host",
    file: { host: "0.0.0.0", auth: { token: "" } },
    problems: [`auth.token: got an empty string, expected ${token}`],
  },
  {
    what: "a relative token file",
    file: { auth: { tokenFile: "token" } },
    problems: ['auth.tokenFile: got "token", expected an absolute path or $CREDENTIALS_DIRECTORY/NAME'],
  },
  {
    what: "a token file that is not there",
    file: { auth: { tokenFile: "/nonexistent/token" } },
    problems: ["auth.tokenFile: cannot read /nonexistent/token: there is no such file"],
  },
  {
    what: "a token and a token file",
    file: { auth: { token: "a", tokenFile: "/nonexistent/token" } },
    problems: ["auth.tokenFile: got both auth.token and auth.tokenFile, expected only one of them"],
  },
  {
    what: "a credential without systemd",
    file: { auth: { tokenFile: "$CREDENTIALS_DIRECTORY/token" } },
    problems: [
      "auth.tokenFile: $CREDENTIALS_DIRECTORY/token needs the environment variable CREDENTIALS_DIRECTORY, which is not set (systemd sets it with LoadCredential=)",
    ],
  },
  {
    what: "a credential outside of its folder",
    file: { auth: { tokenFile: "$CREDENTIALS_DIRECTORY/../token" } },
    problems: [
      'auth.tokenFile: got "$CREDENTIALS_DIRECTORY/../token", expected an absolute path or $CREDENTIALS_DIRECTORY/NAME',
    ],
  },

  ...badWebhooksAndProviders,

  // Limits
  {
    what: "no agents at all",
    file: { limits: { maxAgents: 0 } },
    problems: ["limits.maxAgents: got 0, expected an integer from 1 to 100000"],
  },
  {
    what: "a negative time",
    file: { limits: { parkIdleMs: -1 } },
    problems: ["limits.parkIdleMs: got -1, expected an integer from 0 to 31536000000"],
  },
  {
    what: "a time with a unit",
    file: { limits: { turnTimeoutMs: "10m" } },
    problems: ['limits.turnTimeoutMs: got "10m", expected an integer from 0 to 31536000000'],
  },
  {
    what: "a budget that is less than nothing, and one of what nobody counts",
    file: { budget: { costUsd: -1, turns: 1.5, minutes: 3 } },
    problems: [
      "budget.minutes: unknown key, expected one of turns, tokens, costUsd, wallMs",
      "budget.turns: got 1.5, expected an integer from 0 to 1000000",
      "budget.costUsd: got -1, expected a number of dollars from 0 to 1000000",
    ],
  },
  {
    what: "a retention of nothing",
    file: { retention: { eventsDays: 0 } },
    problems: ["retention.eventsDays: got 0, expected an integer from 1 to 36500"],
  },

  // Environment
  {
    what: "a variable set but empty",
    file: {},
    env: { AH_PORT: "" },
    problems: ["AH_PORT: got an empty value, expected a value, or the variable not to be set at all"],
  },
  {
    what: "an empty token in the environment",
    file: { auth: { token: "good" } },
    env: { AH_AUTH_TOKEN: "" },
    problems: ["AH_AUTH_TOKEN: got an empty value, expected a value, or the variable not to be set at all"],
  },
  {
    what: "a port in the environment that is none",
    file: {},
    env: { AH_PORT: "http" },
    problems: ['AH_PORT: got "http", expected an integer from 0 to 65535'],
  },
  {
    what: "a webhook in the environment that is none",
    file: {},
    env: { AH_WEBHOOK_URL: "nope" },
    problems: ['AH_WEBHOOK_URL: got another string, expected an http or https URL'],
  },
  {
    what: "a secret in the environment, which is not shown",
    file: {},
    env: { AH_WEBHOOK_SECRET: "hunter2" },
    problems: [`AH_WEBHOOK_SECRET: got another string, expected ${signing}`],
  },
  {
    what: "a level in the environment that is none",
    file: {},
    env: { AH_LOG_LEVEL: "loud" },
    problems: ['AH_LOG_LEVEL: got "loud", expected one of debug, info, warn, error'],
  },

  // Everything at once
  {
    what: "many problems, all of them listed",
    file: {
      port: 0.5,
      hots: "x",
      host: "0.0.0.0",
      providers: { mine: { model: 1 }, codex: { permissions: "y" } },
      auth: { tokenFile: "/nonexistent/t" },
    },
    env: { AH_STATE_DIR: "here", AH_LISTEN: "" },
    problems: [
      "AH_LISTEN: got an empty value, expected a value, or the variable not to be set at all",
      'hots: unknown key, did you mean "host"?',
      "port: got 0.5, expected an integer from 0 to 65535",
      'AH_STATE_DIR: got "here", expected an absolute path',
      "providers.mine.model: got 1, expected a non-empty string of at most 256 characters",
      'providers.codex.permissions: got "y", expected one of ask, allow, deny',
      "auth.tokenFile: cannot read /nonexistent/t: there is no such file",
      `providers.mine.kind: missing, expected ${kinds}`,
    ],
  },
];
