// @vitest-environment jsdom
import { Terminal } from "@xterm/xterm";
import { describe, expect, test, vi } from "vitest";
import { random } from "../../domain/random.testing";
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
	["report the focus", "\x1b[?1004h"],
	["report the focus and more", "\x1b[?25;1004;2004h"],
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
	"report the focus",
	"report the focus and more",
];

async function answers(data: string | string[], may: boolean): Promise<string> {
	const term = new Terminal({ allowProposedApi: true });
	let said = "";
	const hear = (d: string) => {
		said += d;
	};
	term.onBinary(hear);
	gateQueries(term, () => may, hear);
	for (const piece of [data].flat()) await new Promise<void>((resolve) => term.write(piece, resolve));
	term.dispose();
	return said;
}

type Next = (below: number) => number;

/** The questions at the head of HOSTILE, before those of a megabyte. */
const LIVELY = HOSTILE.length - 2;
/** Numbers, finals and codes that questions are made of: among random ones they would be too rare. */
const NUMBERS = [0, 1, 4, 5, 6, 14, 18, 21, 996, 1004, 2004, 2026, 2031];
const FINALS = "cnptquxh";
const CODES = [0, 4, 5, 10, 11, 12, 17, 19, 52, 104];

/** One sequence of the shape that terminals understand, many of them without a meaning. */
function sequence(next: Next): string {
	const one = (of: string) => of.charAt(next(of.length));
	const byte = (from: number, to: number) => String.fromCharCode(from + next(to - from + 1));
	const maybe = (text: string) => (next(2) === 0 ? text : "");
	const number = () => (next(2) === 0 ? (NUMBERS[next(NUMBERS.length)] ?? 0) : next(2_100));
	const numbers = () => Array.from({ length: next(3) }, number).join(one(";:"));
	const final = () => (next(2) === 0 ? one(FINALS) : byte(0x40, 0x7e));
	const end = () => one("\x07\x9c").replace("\x9c", "\x1b\\");
	switch (next(6)) {
		case 0:
			return `\x1b[${maybe(one("?>=<!"))}${numbers()}${maybe(one("$ !"))}${final()}`;
		case 1:
			return `\x1b]${CODES[next(CODES.length)]};${maybe(`${next(20)};`)}${one("?cx")}${end()}`;
		case 2:
			return `\x1bP${maybe(one("?>"))}${numbers()}${maybe(one("$+ "))}${final()}${one("mqr")}\x1b\\`;
		case 3: // a real question, which noise by itself rarely is
			return HOSTILE[next(LIVELY)]?.[1] ?? "";
		case 4:
			return `\x1b${maybe(byte(0x20, 0x2f))}${byte(0x30, 0x7e)}`;
		default:
			return byte(0x00, 0x1f) + byte(0x80, 0x9f);
	}
}

/** Sequences in pieces that end anywhere, as a connection brings them. */
function noise(seed: number): string[] {
	const next = random(seed);
	const text = Array.from({ length: 200 }, () => sequence(next)).join("");
	const pieces: string[] = [];
	for (let at = 0; at < text.length; ) {
		const length = 1 + next(40);
		pieces.push(text.slice(at, at + length));
		at += length;
	}
	return pieces;
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
	gateQueries(
		term,
		() => false,
		() => undefined,
	);
	await new Promise<void>((resolve) => term.write("\x1b[31mred\x1b[0m\x1b[2;1Htwo", resolve));
	expect(term.buffer.active.getLine(0)?.translateToString(true)).toBe("red");
	expect(term.buffer.active.getLine(1)?.translateToString(true)).toBe("two");
	term.dispose();
});

describe("T1, fuzzed: sequences of every shape, cut anywhere", () => {
	test.each([1, 2, 3, 4, 5])(
		"seed %d gets no answer from old output, and touches no clipboard",
		async (seed) => {
			const clipboard = vi.fn();
			vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText: clipboard, readText: clipboard } });
			for (let i = 0; i < 8; i++) expect(await answers(noise(seed * 100 + i), false)).toBe("");
			expect(clipboard).not.toHaveBeenCalled();
			vi.unstubAllGlobals();
		},
	);
	test("control: the same noise is answered when live", async () => {
		expect(await answers(noise(100), true)).not.toBe("");
	});
});
