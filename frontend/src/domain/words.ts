// One plain word per thing. Exact terms stay in Details.
import { type EventRecord, ended, type Terminal } from "./types";

/** The state shapes of the screen, each drawn once in ui/StateShape. */
export type Shape = "needs-you" | "running" | "done" | "failed" | "ended" | "unknown";

/**
 * Groups of the sidebar, in their order. A program that runs may be at work or
 * wait at a prompt: nothing told here says which, so neither is claimed.
 */
export const GROUPS = ["Needs you", "Running", "Ended"] as const;
export type Group = (typeof GROUPS)[number];

/** The group that a terminal is listed in. */
export function groupOf(t: Terminal): Group {
	if (t.state === "suspended") return "Needs you";
	return ended(t) ? "Ended" : "Running";
}

/** The shape that shows a terminal's state. */
export function shapeOf(t: Terminal): Shape {
	switch (t.state) {
		case "suspended":
			return "needs-you";
		case "starting":
		case "running":
			return "running";
		case "lost":
			return "failed";
		case "exited":
			return t.exitStatus === 0 ? "ended" : "failed";
		default:
			return "unknown";
	}
}

/** The state of a terminal in words, for the foot line, Details and screen readers. */
export function stateWords(t: Terminal): string {
	switch (t.state) {
		case "starting":
			return "Starting";
		case "running":
			return "Running";
		case "suspended":
			return t.reason ? `Paused: ${t.reason}` : "Paused";
		case "lost":
			return t.reason ? `Gone: ${t.reason}` : "Gone";
		case "exited":
			return `Ended: ${exitWords(t)}`;
		default:
			return "Unknown";
	}
}

/** How a program ended, in words. */
export function exitWords(t: Terminal): string {
	if (t.exitStatus === undefined) return t.status || "no exit status was recorded";
	if (t.exitStatus === 0) return "finished without error";
	if (t.status.startsWith("signal")) return `stopped by ${t.status}`;
	return `failed with exit status ${t.exitStatus}`;
}

/** How a terminal stands, in a word or two for the end of its row. */
export function rowWords(t: Terminal, now: number): string {
	if (t.state === "lost") return "gone";
	if (t.state === "suspended") return "paused";
	// "signal 9 (killed)" has its name on hover.
	if (t.state === "exited") return (t.status || exitWords(t)).replace(/ \(.*\)$/, "");
	return duration(now - t.createdAt);
}

/** What the program is, as one line a person would type. */
export function commandLine(argv: readonly string[]): string {
	if (argv.length === 0) return "Login shell";
	return argv
		.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
		.join(" ");
}

/** The last part of a folder, for a short line; the root stays itself. */
export function folderName(path: string): string {
	const parts = path.split("/").filter(Boolean);
	return parts[parts.length - 1] ?? "/";
}

const units: [string, number][] = [
	["year", 31_536_000],
	["month", 2_592_000],
	["day", 86_400],
	["hour", 3_600],
	["min", 60],
];

/** A moment relative to now: "just now", "5 min ago". Both in milliseconds. */
export function relativeTime(at: number, now: number): string {
	const s = Math.round((now - at) / 1000);
	if (s < 0) return "in a moment";
	if (s < 10) return "just now";
	if (s < 60) return `${s} s ago`;
	for (const [word, size] of units) {
		const n = Math.floor(s / size);
		if (n >= 1) return `${n} ${word}${n > 1 && word !== "min" ? "s" : ""} ago`;
	}
	return "just now";
}

/** A length of time: "8 s", "4 min", "2 h 5 min". In milliseconds. */
export function duration(ms: number): string {
	const s = Math.max(0, Math.floor(ms / 1000));
	if (s < 60) return `${s} s`;
	const m = Math.floor(s / 60);
	if (m < 60) return `${m} min`;
	const h = Math.floor(m / 60);
	if (h < 48) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
	return `${Math.floor(h / 24)} days`;
}

/** The exact moment, for hover and Details. */
export function exactTime(at: number): string {
	const d = new Date(at);
	const two = (n: number) => String(n).padStart(2, "0");
	const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
	return `${date} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** A count of bytes for a person. */
export function byteCount(n: bigint | number): string {
	const v = Number(n);
	if (v < 1000) return `${v} bytes`;
	for (const [unit, size] of [
		["GB", 1e9],
		["MB", 1e6],
		["KB", 1e3],
	] as const) {
		if (v >= size) return `${(v / size).toFixed(v / size < 10 ? 1 : 0)} ${unit}`;
	}
	return `${v} bytes`;
}

/** Longest name shown on a tab or a row head; longer ones lose their middle. */
export const LONGEST_NAME = 28;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Cuts the middle of a long name, never half of what a person sees as one character. */
export function middleCut(name: string, longest = LONGEST_NAME): string {
	if (name.length <= longest) return name;
	const glyphs = Array.from(graphemes.segment(name), (s) => s.segment);
	if (glyphs.length <= longest) return name;
	const head = Math.ceil((longest - 1) / 2);
	const tail = longest - 1 - head;
	return `${glyphs.slice(0, head).join("")}…${glyphs.slice(glyphs.length - tail).join("")}`;
}

/** Longest line of a tooltip: the window does not break them, nor keep them on the screen. */
const TOOLTIP_LINE = 60;

/** A name whole, in lines short enough for a tooltip. */
export function inLines(name: string): string {
	const glyphs = Array.from(graphemes.segment(name), (s) => s.segment);
	const lines: string[] = [];
	for (let at = 0; at < glyphs.length; at += TOOLTIP_LINE) {
		lines.push(glyphs.slice(at, at + TOOLTIP_LINE).join(""));
	}
	return lines.join("\n");
}

/** Names up to this long are not divided: what is cut off them is their end. */
const SHORT_NAME = 12;
/** What stays of a name's end when its middle is cut. */
const NAME_END = 6;

/** A name in two parts, of which the first may be cut to the room there is. */
export function nameParts(name: string): [head: string, end: string] {
	if (name.length <= SHORT_NAME) return [name, ""];
	const glyphs = Array.from(graphemes.segment(name), (s) => s.segment);
	if (glyphs.length <= SHORT_NAME) return [name, ""];
	return [glyphs.slice(0, -NAME_END).join(""), glyphs.slice(-NAME_END).join("")];
}

/** An event's sentence, cut where the name of what it is about stands. */
export interface Sentence {
	before: string;
	/** Cut in the middle when long; empty when the sentence does not say it. */
	name: string;
	after: string;
}

/** Longest name inside a sentence. */
const NAME_IN_SENTENCE = 40;

/** The sentence of an event, with a capital unless a name begins it. */
export function sentenceOf(e: EventRecord): Sentence {
	const said = e.summary || `${e.actorName || "Somebody"} did something this page does not know`;
	const at = wholeWord(said, e.subject);
	if (at < 0) return { before: capital(said), name: "", after: "" };
	return {
		before: capital(said.slice(0, at)),
		name: middleCut(e.subject, NAME_IN_SENTENCE),
		after: said.slice(at + e.subject.length),
	};
}

// Where a name stands by itself: a short one may also be part of a word.
function wholeWord(text: string, name: string): number {
	if (name === "") return -1;
	for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
		const end = text.charAt(at + name.length);
		if ((at === 0 || text.charAt(at - 1) === " ") && (end === "" || end === " " || end === ",")) return at;
	}
	return -1;
}

const OPENERS = new Set(["the", "a", "nobody", "someone", "something"]);

// A name that begins a sentence is written as it is written.
function capital(text: string): string {
	return OPENERS.has(text.split(" ", 1)[0] ?? "") ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** The state shape that an event is marked with; undefined when it tells no state. */
export function eventShape(e: EventRecord): Shape | undefined {
	switch (e.type) {
		case "execution.running":
			return "running";
		case "execution.suspended":
			return "needs-you";
		case "execution.lost":
			return "failed";
		case "execution.exited":
			return exitedWell(e.facts) ? "ended" : "failed";
		default:
			return undefined;
	}
}

function exitedWell(facts: unknown): boolean {
	if (typeof facts !== "object" || facts === null || !("exit" in facts)) return false;
	const exit = facts.exit as { status?: unknown; signal?: unknown } | null;
	return exit !== null && !exit.status && !exit.signal;
}

const surfaces: Record<string, string> = {
	cli: "command line",
	window: "window",
	web: "browser",
	api: "program",
	system: "core",
};

/** Where an operator sits, in a word for a person. */
export function surfaceWord(surface: string): string {
	return Object.hasOwn(surfaces, surface) ? (surfaces[surface] ?? surface) : surface;
}

/** Does the text hold something that only Details may show: an id, a hash, a peer id? */
export function holdsAnId(text: string): string | undefined {
	const shapes = [
		/\b[a-z2-7]{26,}\b/, // an event or object id, base32
		/\b[0-9a-f]{16,}\b/i, // a hash or ticket, hexadecimal
		/\b12D3KooW[1-9A-HJ-NP-Za-km-z]{8,}/, // a peer id
	];
	for (const shape of shapes) {
		const found = shape.exec(text)?.[0];
		// Words that a person can read have vowels between few consonants; ids have digits inside.
		if (found && /\d/.test(found)) return found;
	}
	return undefined;
}
