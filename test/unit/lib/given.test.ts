/** Members that may be missing. */
import { expect, test } from "bun:test";
import { given } from "../../../src/lib/given.ts";

test("what is undefined is left out, what is null, false, empty or zero is said", () => {
  const made = given({ none: undefined, no: null, off: false, empty: "", zero: 0, list: [1] });
  expect(Object.keys(made)).toEqual(["no", "off", "empty", "zero", "list"]);
  expect(made).toEqual({ no: null, off: false, empty: "", zero: 0, list: [1] });
});

test("the type of a member that is there is not undefined", () => {
  const maybe: string | undefined = [..."x"].at(0);
  const { maybe: word = "" }: { readonly maybe?: string } = given({ maybe });
  expect(word).toBe("x");
});
