/** Where Gemini CLI keeps the sessions of a project folder named `project`. */
import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";

/**
 * Gemini names a session's file by its minute and empties it when the same session is loaded within that minute, so a
 * test that resumes at once has to make the session older.
 */
export function makeSessionsOlder(home: string): void {
  const chats = join(home, ".gemini/tmp/project/chats");
  for (const name of readdirSync(chats)) {
    renameSync(join(chats, name), join(chats, name.replace(/^session-[0-9T-]+-/, "session-2020-01-01T00-00-")));
  }
}
