/**
 * What Gemini CLI 0.61.0 does with its saved sessions, those of a project folder named `project`, and what a test does
 * about it.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Gemini names a session's file by its minute and empties it when the same session is loaded within that minute, so a
 * test that resumes at once has to make the session older. A resumed session goes on in its old file; the new one that
 * is made for it besides holds nothing and stays.
 */
export function makeSessionsOlder(home: string): void {
  const chats = join(home, ".gemini/tmp/project/chats");
  for (const name of readdirSync(chats)) {
    const older = join(chats, name.replace(/^session-[0-9T-]+-/, "session-2020-01-01T00-00-"));
    if (!existsSync(older)) renameSync(join(chats, name), older);
  }
}

/**
 * A resume makes an empty file with the session's id besides the one that it goes on in, and the next start of any
 * Gemini in the project cleans empty sessions up, by their id: the whole conversation is gone. A user's settings can
 * switch that off.
 */
export function keepSessions(home: string): void {
  mkdirSync(join(home, ".gemini"), { recursive: true });
  writeFileSync(
    join(home, ".gemini/settings.json"),
    JSON.stringify({ general: { sessionRetention: { enabled: false } } }),
  );
}
