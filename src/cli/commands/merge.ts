/** `merge`: an agent's work into a branch. With conflicts nothing is changed, and they are named. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { several } from "../figures.ts";
import { asJson } from "../print.ts";
import { nameOf, pathOf } from "../shapes.ts";
import { findAgent } from "../target.ts";
import type { MergedShape } from "../work-shapes.ts";
import { given } from "../../lib/given.ts";

const MERGE_MS = 5 * 60 * 1000;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "", { dot: false });
  const [into, message] = [args.value("into"), args.value("message")];
  const answer = await client.call(`/api/v1${pathOf(agent)}/merge`, {
    method: "POST",
    body: {
      ...given({ into, message }),
      ...(args.has("dry-run") ? { dryRun: true } : {}),
    },
    timeoutMs: MERGE_MS,
  });
  // The daemon made it of this shape.
  const done = answer as MergedShape;
  const code = done.merged ? EXIT.ok : EXIT.error;
  if (asJson(context, answer)) return code;
  for (const { path, stages } of done.conflicts)
    io.out.line(`${path}\t${stages.map((stage) => STAGES[stage]).join(" ")}`);
  if (done.merged) io.say(sentence(done, nameOf(agent), args.has("dry-run")));
  else io.warn(`${several(done.conflicts.length, "conflict")} with ${done.into}: nothing was changed`);
  if (done.nested.length > 0) io.warn(`repositories within stay behind: ${done.nested.join(", ")}`);
  return code;
}

const STAGES: Readonly<Record<number, string>> = { 1: "base", 2: "branch", 3: "agent" };

function sentence(
  { into, already, fastForward, created, commit, uncommitted }: MergedShape,
  who: string,
  dry: boolean,
) {
  if (already) return `${into} has all of ${who} already`;
  const how = created ? "made with" : fastForward ? "forwarded to" : "merged with";
  const loose = uncommitted === 0 ? "" : `, ${several(uncommitted, "file")} that it had not committed among it`;
  const at = commit === null ? "" : ` (${commit.slice(0, 12)})`;
  return `${into} ${dry ? "would be" : "is"} ${how} the work of ${who}${loose}${at}`;
}
