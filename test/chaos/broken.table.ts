/**
 * Ways to break both programs, and the checks of a storm that must find each: every check stands here at least once.
 * `from` stands in its file exactly once; who changes such a line changes its row.
 */
import type { Edit } from "../support/edits.ts";
import type { Weather } from "./broken.build.ts";
import type { CheckName } from "./check.ts";

/** A storm of each is gone through by the unbroken programs first. */
export const WEATHERS = {
  /** What the agents' own scripts do, and what their clients ask for: aborts, crashes, questions, long texts. */
  quiet: { seed: 188_477, seconds: 12, only: [], agentsEach: 1, crowd: 5 },
  /** Long texts at once: the one that every `make test` goes through. */
  brief: { seed: 309, seconds: 6, only: [], agentsEach: 1, crowd: 1 },
  crowded: { seed: 7, seconds: 12, only: [], agentsEach: 1, crowd: 300 },
  cuts: { seed: 7, seconds: 15, only: ["cut"], agentsEach: 1, crowd: 5 },
  nonsense: { seed: 7, seconds: 18, only: ["nonsense"], agentsEach: 1, crowd: 5 },
  deaths: { seed: 7, seconds: 18, only: ["kill the", "kill a program"], agentsEach: 1, crowd: 5 },
} as const satisfies Readonly<Record<string, Weather>>;

export type WeatherName = keyof typeof WEATHERS;

export interface Broken extends Edit {
  readonly name: string;
  readonly weather: WeatherName;
  readonly checks: readonly [CheckName, ...CheckName[]];
}

/** [name, checks, file, from, to] for each weather. */
type Row = readonly [string, Broken["checks"], string, string, string];

const QUIET: readonly Row[] = [
  ["what a program is told is written twice", ["inputsRunOnce"], "src/agents/live.ts",
    "    let result = await writer.write(text, options);",
    "    if (id !== undefined) await writer.write(text);\n    let result = await writer.write(text, options);"],
  ["the end of an input is not stored", ["inputsAreSettled"], "src/agents/state/turns.ts",
    "  out.push({ do: \"input_state\", id: s.flight.input, state });\n", ""],
  ["an input that was taken back is run all the same", ["storiesArePossible"], "src/agents/state/user.ts",
    "      s.queue = s.queue.filter((each) => each.id !== fact.id);\n", ""],
  ["the end of a failed turn is not in the log", ["storiesArePossible"], "src/agents/ledger.ts",
    "      return event(entry, \"turn_ended\", { turn: shownTurn(effect.turn) });",
    "      if (effect.turn.outcome !== \"failed\") event(entry, \"turn_ended\", { turn: shownTurn(effect.turn) });\n      return;"],
  ["a failed turn is called completed", ["outcomesAreTrue"], "src/agents/state/ending.ts",
    "  finishTurn(work, outcome, told, { held });",
    "  finishTurn(work, outcome === \"failed\" ? \"completed\" : outcome, told, { held });"],
  ["a turn whose program died is called completed", ["outcomesAreTrue", "inputsAreSettled"], "src/agents/state/exit.ts",
    "else finishTurn(work, \"lost\", lost, { rest: \"exited\" });",
    "else finishTurn(work, \"completed\", undefined, { rest: \"exited\" });"],
  ["an agent whose turn failed stays processing", ["nobodyStaysBusy"], "src/agents/state/turns.ts",
    "  failed: \"error\",", "  failed: \"processing\" as \"error\","],
  ["an ended turn is told again with the next one", ["endsAreToldOnce"], "src/agents/state/reduce.ts",
    "  s.unnoticed = [];\n", ""],
  ["a webhook goes out under an id that nobody stored", ["noticesArrive", "receiverPassesOn"], "src/webhook/client.ts",
    "    \"webhook-id\": id,", "    \"webhook-id\": `${id}-${timestampSeconds}`,"],
  ["the receiver posts everything twice", ["receiverPassesOn"], "src/receiver/worker.ts",
    "    const result = await sink.send(batch, abort.signal).catch(",
    "    await sink.send(batch, abort.signal);\n    const result = await sink.send(batch, abort.signal).catch("],
  ["an abort that was done is an error of ours", ["answersAreGood"], "src/api/control.ts",
    "          if (turn === null) return done(actor, { aborted: false });\n",
    "          if (actor.id !== \"\") throw new TypeError(\"no turn of this name\");\n"],
  ["what a program's tools started is overlooked", ["nothingIsLeft"], "src/process/proc.ts",
    "    if (info !== null) found.push(info);", "    if (info !== null && info.name !== \"sleep\") found.push(info);"],
  ["what is opened to write to a program is never closed", ["nothingGrows"], "src/process/fifo.ts",
    "    if (fd !== null) closeSync(fd);\n  }\n}", "  }\n}"],
];

const BRIEF: readonly Row[] = [
  ["a long text is cut where it is stored", ["messagesAreExact"], "src/agents/message-writer.ts",
    "        role,\n        part,\n",
    "        role,\n        part: part.type === \"text\" ? { ...part, text: part.text.slice(0, 4096) } : part,\n"],
];

const CROWDED: readonly Row[] = [
  ["something of each request is kept for good", ["nothingGrows"], "src/http/router.ts",
    "      inFlight++;\n",
    "      inFlight++;\n      Object.assign(globalThis, { kept: [globalThis, new Uint8Array(262_144).fill(1), Reflect.get(globalThis, \"kept\")] });\n"],
];

const CUTS: readonly Row[] = [
  ["a request that is repeated is done again", ["inputsAreListed"], "src/api/idempotent.ts",
    "  const key = req.headers.get(\"idempotency-key\");", "  const key = null as string | null;"],
];

const NONSENSE: readonly Row[] = [
  ["a webhook that was refused is called delivered", ["noticesArrive"], "src/webhook/client.ts",
    "  if (status >= 200 && status < 300) return { type: \"delivered\" };",
    "  if (status >= 200) return { type: \"delivered\" };"],
  ["the receiver knows no webhook again", ["receiverPassesOn"], "src/receiver/inbox.ts",
    "        if (get(\"SELECT seq FROM inbox WHERE hash = ? AND key = ?\", hash, key)) return { duplicate: true };\n", ""],
];

const DEATHS: readonly Row[] = [
  ["a start takes every program for dead", ["outcomesAreTrue"], "src/agents/reconcile.ts",
    "  if (!isAlive(identity)) return live.finish();", "  return actor.run.ended(null);"],
  ["a start reads everything again that a program wrote", ["messagesAreExact"], "src/agents/reconcile.ts",
    "actor.run.follow(identity, run.offset, run.state === \"spawning\")",
    "actor.run.follow(identity, 0, run.state === \"spawning\")"],
  ["a notice is stored a moment after what it tells of", ["endsAreToldOnce"], "src/webhook/outbox.ts",
    "  insertDelivery(\n",
    "  ((...row: Parameters<typeof insertDelivery>) => void setTimeout(() => insertDelivery(...row), 1000))(\n"],
  ["the receiver answers before it has stored", ["receiverPassesOn"], "src/receiver/app.ts",
    "      const { duplicate } = await accept(read);\n",
    "      const duplicate = false;\n      setTimeout(() => void accept(read).catch(() => undefined), 1000);\n"],
];

const rowsOf = (weather: WeatherName, rows: readonly Row[]): readonly Broken[] =>
  rows.map(([name, checks, file, from, to]) => ({ name, weather, checks, file, from, to }));

export const BROKEN: readonly Broken[] = [
  ...rowsOf("quiet", QUIET),
  ...rowsOf("brief", BRIEF),
  ...rowsOf("crowded", CROWDED),
  ...rowsOf("cuts", CUTS),
  ...rowsOf("nonsense", NONSENSE),
  ...rowsOf("deaths", DEATHS),
];
