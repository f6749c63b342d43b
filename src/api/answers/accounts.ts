/** What is shown of accounts and their limits. */
import { array, boolean, nullable, object, oneOf } from "../../lib/check.ts";
import { LIMIT_CLASSES } from "../../words/limits.ts";
import { status } from "./agent.ts";
import { about, amount, count, named, text, time } from "./shape.ts";

const accountLimit = named(
  "AccountLimit",
  "Why an account cannot work on. `resumesAt` is null where a person has to pay or to log in first",
  object({
    class: oneOf(...LIMIT_CLASSES),
    scope: about("Which allowance, in the provider's word", text),
    message: text,
    since: time,
    resetsAt: nullable(time),
    resumesAt: nullable(time),
    guessed: about("The provider told no time", boolean()),
    attempts: about("How often it was tried in vain", count),
    agentId: about("Who met it first", text),
  }),
);

const allowance = named(
  "Allowance",
  "How much of an allowance is used, as the provider told it last",
  object({ scope: text, usedPercent: amount, resetsAt: nullable(time), at: time }),
);

export const account = named(
  "Account",
  "Who pays for agents: the kind of provider and a name, of the config or made of its login",
  object({
    name: text,
    agents: array(object({ id: text, project: text, name: nullable(text), status })),
    limits: array(accountLimit),
    allowances: array(allowance),
    resumesAt: about("When one of its agents tries again", nullable(time)),
  }),
);
