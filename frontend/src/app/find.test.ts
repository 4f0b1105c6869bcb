import { expect, test } from "vitest";
import { find } from "./find";

const by = (query: string, list: string[], most = 10) => find(list, query, (s) => s, most);

test("every word must occur, in any order and case", () => {
	expect(by("api run", ["run api", "api", "Running the API"])).toEqual(["run api", "Running the API"]);
	expect(by("nothing", ["a", "b"])).toEqual([]);
});

test("what begins with the word comes first, then what has a word that does", () => {
	expect(by("test", ["latest", "unit-test", "test-unit"])).toEqual(["test-unit", "unit-test", "latest"]);
});

test("a whole name comes before a longer one", () => {
	expect(by("run-7", ["run-70 /srv", "run-7 /srv"])).toEqual(["run-7 /srv", "run-70 /srv"]);
});

test("equals stay in order, and no more than asked for are found", () => {
	const many = Array.from({ length: 10_000 }, (_, i) => `run-${i}`);
	expect(by("run", many, 3)).toEqual(["run-0", "run-1", "run-2"]);
	expect(by("", many, 2)).toEqual(["run-0", "run-1"]);
});
