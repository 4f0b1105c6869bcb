// @vitest-environment jsdom
import { Terminal } from "@xterm/xterm";
import { expect, test, vi } from "vitest";
import { gateQueries } from "./queries";

const HOSTILE: [string, string][] = [
	["who are you", "\x1b[c"],
	["who are you, second", "\x1b[>c"],
	["identify", "\x1bZ"],
	["status", "\x1b[5n"],
	["where is the cursor", "\x1b[6n"],
	["where is the cursor, private", "\x1b[?6n"],
	["is this mode set", "\x1b[?2004$p"],
	["is this mode set, ANSI", "\x1b[4$p"],
	["which settings", "\x1bP$qm\x1b\\"],
	["which version", "\x1b[>q"],
	["title report", "\x1b[21t"],
	["size report", "\x1b[18t\x1b[14t"],
	["colour of the ground", "\x1b]11;?\x07"],
	["colour 4", "\x1b]4;4;?\x07"],
	["clipboard read", "\x1b]52;c;?\x07"],
	["clipboard write", "\x1b]52;c;c2VjcmV0\x07"],
	["a megabyte of title", `\x1b]0;${"x".repeat(1 << 20)}\x07`],
	["a megabyte of nothing known", `\x1b]7777;${"x".repeat(1 << 20)}\x07`],
];
const ANSWERED = [
	"who are you",
	"who are you, second",
	"status",
	"where is the cursor",
	"is this mode set",
	"which settings",
];

async function answers(data: string, may: boolean): Promise<string> {
	const term = new Terminal({ allowProposedApi: true });
	let said = "";
	term.onData((d) => {
		said += d;
	});
	gateQueries(term, () => may);
	await new Promise<void>((resolve) => term.write(data, resolve));
	term.dispose();
	return said;
}

test.each(HOSTILE)("T1: %s gets no answer from old output, and touches no clipboard", async (_, data) => {
	const writeText = vi.fn();
	vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText, readText: writeText } });
	expect(await answers(data, false)).toBe("");
	expect(writeText).not.toHaveBeenCalled();
	vi.unstubAllGlobals();
});

test.each(HOSTILE.filter(([name]) => ANSWERED.includes(name)))(
	"control: %s is answered when live",
	async (_, data) => {
		expect(await answers(data, true)).not.toBe("");
	},
);

test("what is no query is drawn in old output too", async () => {
	const term = new Terminal({ allowProposedApi: true, cols: 20, rows: 2 });
	gateQueries(term, () => false);
	await new Promise<void>((resolve) => term.write("\x1b[31mred\x1b[0m\x1b[2;1Htwo", resolve));
	expect(term.buffer.active.getLine(0)?.translateToString(true)).toBe("red");
	expect(term.buffer.active.getLine(1)?.translateToString(true)).toBe("two");
	term.dispose();
});
