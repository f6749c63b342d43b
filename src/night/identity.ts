/**
 * Who pays for what an agent does: `kind:name`. What the config says; else what the program's own credentials name for
 * good (an account, an organisation); else a keyed hash of the API key; else the folder that holds the login. Never
 * something that is renewed, for an account would be another one each hour. Pure: files and hashes are arguments.
 */
import type { Payer } from "../agents/run-settings.ts";
import { type Fields, fields, isFields, text } from "../providers/read.ts";
import type { ProviderKind } from "../words/kinds.ts";

export interface IdentityTools {
  /** The JSON of a file; undefined when it is not there, or is none. */
  readonly readJson: (path: string) => unknown;
  /** Of a secret: says nothing about it, and is the same for the same one. */
  readonly hash: (secret: string) => string;
  /** After symlinks, where it is there. */
  readonly realPath: (path: string) => string;
}

export function identityOf(payer: Payer, tools: IdentityTools): string {
  return `${payer.kind}:${payer.account ?? FINDERS[payer.kind](payer, tools)}`;
}

type Finder = (payer: Payer, tools: IdentityTools) => string;

const FINDERS: Readonly<Record<ProviderKind, Finder>> = {
  "claude-code"(payer, tools) {
    const { env } = payer;
    // A key in the environment pays, whoever is logged in.
    const key = env["ANTHROPIC_API_KEY"] || env["ANTHROPIC_AUTH_TOKEN"] || env["CLAUDE_CODE_OAUTH_TOKEN"];
    if (key) return byKey(key, tools);
    const dir = env["CLAUDE_CONFIG_DIR"] || join(home(env), ".claude");
    const file = env["CLAUDE_CONFIG_DIR"] ? join(dir, ".claude.json") : join(home(env), ".claude.json");
    const account = fields(tools.readJson(file), "oauthAccount");
    return byId(text(account, "accountUuid") || text(account, "organizationUuid"), tools) ?? byFolder(dir, tools);
  },
  codex(payer, tools) {
    const { env } = payer;
    const dir = env["CODEX_HOME"] || join(home(env), ".codex");
    const auth = tools.readJson(join(dir, "auth.json"));
    const key = text(auth, "OPENAI_API_KEY") || env["CODEX_API_KEY"];
    const id = byId(text(fields(auth, "tokens"), "account_id"), tools);
    return id ?? (key ? byKey(key, tools) : byFolder(dir, tools));
  },
  opencode(payer, tools) {
    const { env } = payer;
    const data = env["XDG_DATA_HOME"] || join(home(env), ".local/share");
    return ofModel(payer, join(data, "opencode/auth.json"), tools);
  },
  pi(payer, tools) {
    const dir = payer.env["PI_CODING_AGENT_DIR"] || join(home(payer.env), ".pi/agent");
    return ofModel(payer, join(dir, "auth.json"), tools);
  },
  acp: (payer, tools) => byFolder(home(payer.env), tools),
  command: (payer, tools) => byFolder(home(payer.env), tools),
};

/** Programs that work with many model providers: the model's first part names the one that is paid. */
function ofModel({ model, env }: Payer, file: string, tools: IdentityTools): string {
  const vendor = model?.split("/")[0] ?? "";
  const login = vendor === "" ? {} : entry(tools.readJson(file), vendor);
  const key = text(login, "key") || env[`${vendor.toUpperCase().replaceAll("-", "_")}_API_KEY`];
  const whose = byId(text(login, "accountId"), tools) ?? (key ? byKey(key, tools) : byFolder(file, tools));
  return vendor === "" ? whose : `${word(vendor)}-${whose}`;
}

function entry(json: unknown, name: string): Fields {
  const found = isFields(json) && Object.hasOwn(json, name) ? json[name] : undefined;
  return isFields(found) ? found : {};
}

const byId = (id: string, tools: IdentityTools): string | null => (id === "" ? null : `id-${tools.hash(id)}`);
const byKey = (key: string, tools: IdentityTools): string => `key-${tools.hash(key)}`;
const byFolder = (folder: string, tools: IdentityTools): string => `login-${tools.hash(tools.realPath(folder))}`;

/** As it may stand in a path of the API. */
const word = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]/g, "-").slice(0, 40);

const home = (env: Payer["env"]): string => env["HOME"] ?? "/";
const join = (folder: string, name: string): string => `${folder.replace(/\/$/, "")}/${name}`;
