/** What the fake OpenCode keeps: sessions and messages in one file, so that the next process finds them. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export type Json = Record<string, unknown>;

export interface StoredMessage {
  info: Json & { id: string; role: "user" | "assistant"; time: { created: number; completed?: number } };
  parts: (Json & { id: string })[];
}

export interface StoredSession {
  id: string;
  parentID?: string;
  title: string;
  messages: StoredMessage[];
}

export interface FakeStore {
  session(id: string): StoredSession | undefined;
  create(title: string, parent?: string): StoredSession;
  children(id: string): StoredSession[];
  save(): void;
}

export function openStore(env: Readonly<Record<string, string | undefined>>): FakeStore {
  const path =
    env["FAKE_HISTORY"] ??
    join(
      env["XDG_DATA_HOME"] ?? join(env["HOME"] ?? "/tmp", ".local/share"),
      `opencode/fake-${process.cwd().replaceAll("/", "-")}.json`,
    );
  mkdirSync(dirname(path), { recursive: true });
  // Several servers share one file, as the real ones share one database: read and write per session.
  const fileOf = (id: string) => `${path}.${id}`;
  const known = new Map<string, StoredSession>();

  const session = (id: string): StoredSession | undefined => {
    const have = known.get(id);
    if (have !== undefined || !/^ses_\w+$/.test(id) || !existsSync(fileOf(id))) return have;
    const stored = JSON.parse(readFileSync(fileOf(id), "utf8")) as StoredSession; // written by ourselves
    known.set(id, stored);
    return stored;
  };

  return {
    session,
    create(title, parent) {
      const made: StoredSession = {
        id: newId("ses"),
        title,
        messages: [],
        ...(parent === undefined ? {} : { parentID: parent }),
      };
      known.set(made.id, made);
      return made;
    },
    children: (id) => [...known.values()].filter((each) => each.parentID === id),
    save() {
      for (const each of known.values()) {
        writeFileSync(`${fileOf(each.id)}.new`, JSON.stringify(each));
        renameSync(`${fileOf(each.id)}.new`, fileOf(each.id));
      }
    },
  };
}

let lastTime = 0n;

/** Ascending, in the real shape: 12 hex digits of time, 14 characters. */
export function newId(prefix: string): string {
  const now = BigInt(Date.now()) << 12n;
  lastTime = now > lastTime ? now : lastTime + 1n;
  return `${prefix}_${(lastTime & ((1n << 48n) - 1n)).toString(16).padStart(12, "0")}${crypto.randomUUID().replaceAll("-", "").slice(0, 14)}`;
}
