import { expect, test } from "vitest";
import { anEvent, aTerminal } from "./fixtures.testing";
import {
	byteCount,
	commandLine,
	duration,
	eventShape,
	exitWords,
	folderName,
	groupOf,
	holdsAnId,
	inLines,
	LONGEST_NAME,
	middleCut,
	nameParts,
	relativeTime,
	rowWords,
	sentenceOf,
	shapeOf,
	stateWords,
	surfaceWord,
} from "./words";

test("every state has a group, a shape and a word", () => {
	const said = (state: Parameters<typeof aTerminal>[0]) => {
		const t = aTerminal(state);
		return [groupOf(t), shapeOf(t), stateWords(t)];
	};
	expect(said({ state: "starting" })).toEqual(["Running", "running", "Starting"]);
	expect(said({ state: "running" })).toEqual(["Running", "running", "Running"]);
	expect(said({ state: "suspended", reason: "disk full" })).toEqual([
		"Needs you",
		"needs-you",
		"Paused: disk full",
	]);
	expect(said({ state: "exited", exitStatus: 0 })).toEqual([
		"Ended",
		"ended",
		"Ended: finished without error",
	]);
	expect(said({ state: "exited", exitStatus: 2 })).toEqual([
		"Ended",
		"failed",
		"Ended: failed with exit status 2",
	]);
	expect(said({ state: "lost", reason: "" })).toEqual(["Ended", "failed", "Gone"]);
});

test("a signal is named", () => {
	expect(exitWords(aTerminal({ exitStatus: 137, status: "signal 9 (killed)" }))).toBe(
		"stopped by signal 9 (killed)",
	);
});

test("a row ends with how long a program runs, or how it ended", () => {
	const told = (change: Parameters<typeof aTerminal>[0]) => rowWords(aTerminal(change), 65_000);
	expect(told({ state: "running", createdAt: 1_000 })).toBe("1 min");
	expect(told({ state: "exited", exitStatus: 3, status: "exit 3" })).toBe("exit 3");
	expect(told({ state: "exited", exitStatus: 137, status: "signal 9 (killed)" })).toBe("signal 9");
	expect(told({ state: "lost" })).toBe("gone");
	expect(told({ state: "suspended" })).toBe("paused");
});

test("a command line can be typed again", () => {
	expect(commandLine([])).toBe("Login shell");
	expect(commandLine(["git", "commit", "-m", "it's done"])).toBe("git commit -m 'it'\\''s done'");
});

test("names are cut in the middle, between whole characters", () => {
	expect(middleCut("short")).toBe("short");
	const cut = middleCut("😀".repeat(500));
	expect(Array.from(cut)).toHaveLength(LONGEST_NAME);
	expect(cut).toMatch(/^(😀)+…(😀)+$/u);
	expect(middleCut("👩‍💻".repeat(40), 5)).toBe("👩‍💻👩‍💻…👩‍💻👩‍💻");
});

test("times and sizes", () => {
	const now = 1_000_000_000_000;
	expect([0, 9, 10, 59, 60, 3600, 7200, 86_400 * 2].map((s) => relativeTime(now - s * 1000, now))).toEqual([
		"just now",
		"just now",
		"10 s ago",
		"59 s ago",
		"1 min ago",
		"1 hour ago",
		"2 hours ago",
		"2 days ago",
	]);
	expect([5_000, 240_000, 7_500_000].map(duration)).toEqual(["5 s", "4 min", "2 h 5 min"]);
	expect([12n, 3_200n, 45_000_000n].map(byteCount)).toEqual(["12 bytes", "3.2 KB", "45 MB"]);
	expect([folderName("/"), folderName("/srv/api/")]).toEqual(["/", "api"]);
});

test("ids are told from words", () => {
	const ids = [
		"mzxw6ytboi3dgnbvgy3tqojqmfrggzdfmzztembrgm2dknrxha4q",
		"3f2504e04f8911d39a0c0305e82c3301",
		"12D3KooWJ8vvkTmEw3dQQ8xk1MT7z5rKzFv9aB7CdQ2yVh1nP4Lm",
	];
	for (const id of ids) expect(holdsAnId(`before ${id} after`)).toBe(id);
	expect(holdsAnId("anna started claude-api-2 in /srv/api, 20 min ago")).toBeUndefined();
});

test("a sentence sets its subject apart, whole or cut in the middle", () => {
	expect(sentenceOf(anEvent({ summary: "anna started bash-api", subject: "bash-api" }))).toEqual({
		before: "anna started ",
		name: "bash-api",
		after: "",
	});
	expect(sentenceOf(anEvent({ summary: "the keyboard of a went to anna", subject: "a" }))).toEqual({
		before: "The keyboard of ",
		name: "a",
		after: " went to anna",
	});
	const long = "n".repeat(120);
	const cut = sentenceOf(anEvent({ summary: `${long} is running`, subject: long }));
	expect(cut.name).toContain("…");
	expect(cut.after).toBe(" is running");
	expect(sentenceOf(anEvent({ summary: "", subject: "" })).before).toContain("does not know");
});

test("an end is marked by how it ended; what is not known is not taken for good", () => {
	const marked = (facts: unknown) => eventShape(anEvent({ type: "execution.exited", facts }));
	expect(marked({ exit: { status: 0 } })).toBe("ended");
	expect(marked({ exit: { status: 3 } })).toBe("failed");
	expect(marked({ exit: { status: 0, signal: 9 } })).toBe("failed");
	expect(marked(null)).toBe("failed");
	expect(eventShape(anEvent({ type: "execution.started" }))).toBeUndefined();
});

test("a surface that is not known stands as it is written", () => {
	expect(surfaceWord("web")).toBe("browser");
	expect(surfaceWord("constructor")).toBe("constructor");
});

test("a long name is divided between glyphs, a short one is not", () => {
	expect(nameParts("claude-api-2")).toEqual(["claude-api-2", ""]);
	expect(nameParts("claude-api-frontend")).toEqual(["claude-api-fr", "ontend"]);
	const glyph = "👩‍💻";
	expect(nameParts(glyph.repeat(12))).toEqual([glyph.repeat(12), ""]);
	expect(nameParts(glyph.repeat(13))).toEqual([glyph.repeat(7), glyph.repeat(6)]);
});

test("a tooltip has the whole name, in lines", () => {
	expect(inLines("claude-api")).toBe("claude-api");
	expect(inLines("n".repeat(129)).split("\n")).toEqual(["n".repeat(60), "n".repeat(60), "n".repeat(9)]);
	expect(inLines("👩‍💻".repeat(61))).toBe(`${"👩‍💻".repeat(60)}\n👩‍💻`);
});
