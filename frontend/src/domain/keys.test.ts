import { describe, expect, test } from "vitest";
import { belongsToStudio, commandOf, type Key, toldKey } from "./keys";

function key(chord: string): Key {
	const parts = chord.split("+");
	return {
		key: parts[parts.length - 1] ?? "",
		ctrlKey: parts.includes("Ctrl"),
		shiftKey: parts.includes("Shift"),
		altKey: parts.includes("Alt"),
		metaKey: parts.includes("Meta"),
	};
}

describe("while a terminal has the keyboard", () => {
	const program = [
		"a",
		"i",
		"Ctrl+k",
		"Ctrl+b",
		"Escape",
		"Tab",
		"Alt+b",
		"Alt+Enter",
		"Ctrl+c",
		"Ctrl+v",
		"F2",
		"F5",
	];
	test.each([...program, "Shift+Tab", "Shift+A", "Ctrl+Alt+Shift+p"])("%s goes to the program", (chord) => {
		expect(belongsToStudio(key(chord))).toBe(false);
		expect(commandOf(key(chord), true, false)).toBeUndefined();
	});
	test.each(["Ctrl+Shift+P", "Ctrl+Shift+C", "Ctrl+Shift+Escape", "F6", "Shift+F6"])(
		"%s is the studio's",
		(chord) => {
			expect(belongsToStudio(key(chord))).toBe(true);
			expect(commandOf(key(chord), true, false)).toBeDefined();
		},
	);
});

describe("outside of it", () => {
	test.each([
		["Ctrl+k", "palette"],
		["Ctrl+b", "sidebar"],
		["i", "details"],
		["Alt+Enter", "details"],
		["F2", "rename"],
		["F6", "next-region"],
		["Shift+F6", "previous-region"],
	])("%s is %s", (chord, command) => {
		expect(commandOf(key(chord), false, false)).toBe(command);
	});
	test("a letter in a text field is text", () => {
		expect(commandOf(key("i"), false, true)).toBeUndefined();
	});
});

describe("keys that are told", () => {
	test.each(["palette", "leave", "next-region"] as const)("%s has one everywhere", (command) => {
		expect(toldKey(command, true)).toBeDefined();
		expect(toldKey(command, false)).toBe(toldKey(command, true));
	});
	test.each([
		["sidebar", "Ctrl+B"],
		["details", "Alt+Enter"],
		["rename", "F2"],
	] as const)("%s has none while a terminal has the keyboard", (command, told) => {
		expect(toldKey(command, true)).toBeUndefined();
		expect(toldKey(command, false)).toBe(told);
	});
});
