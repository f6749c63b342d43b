/**
 * What a store holds now, mirrored as a whole: at the beginning of a log the events that made it may be long gone.
 * Every event that follows is newer than anything written here.
 */
import type { Store } from "../store/database.ts";
import { allAgentIds } from "../store/agents.ts";
import { listMessages } from "../store/messages.ts";
import { listPermissions } from "../store/permissions.ts";
import type { Database } from "./database.ts";
import { BATCH_DEADLINE_MS } from "./database.ts";
import type { Touched } from "./documents.ts";
import { agentDocument, messageDocumentOf, permissionDocument } from "./documents.ts";
import type { Place } from "./mirror-batch.ts";
import { writeTouched } from "./mirror-batch.ts";

const PAGE = 100;
const NOTHING: Touched = { agents: [], permissions: [], messages: [], gone: [] };

/** `ended`: asked between pages. */
export async function writeWhole(database: Database, store: Store, place: Place, ended: () => boolean): Promise<void> {
  const write = (part: Partial<Touched>): Promise<void> =>
    database.transact((ask) => writeTouched(ask, place, { ...NOTHING, ...part }), BATCH_DEADLINE_MS);
  const ids = allAgentIds(store);
  for (let at = 0; at < ids.length && !ended(); at += PAGE) {
    const page = ids.slice(at, at + PAGE);
    await write({
      agents: page.flatMap((id) => agentDocument(store, id, 0) ?? []),
      permissions: page.flatMap((agent) =>
        listPermissions(store, agent, "pending").flatMap(
          ({ id }) => permissionDocument(store, { agent, id, rev: 0 }) ?? [],
        ),
      ),
    });
  }
  for (const agent of ids)
    for (let after = 0; !ended();) {
      const { messages } = listMessages(store, agent, { after, limit: PAGE });
      if (messages.length === 0) break;
      after = messages.at(-1)?.id ?? after;
      await write({ messages: messages.map((message) => messageDocumentOf(agent, message, 0)) });
    }
  if (!ended())
    await database.ask("UPDATE ~cursors SET whole = true WHERE node_no = $1 AND epoch = $2", place.node, place.epoch);
}
