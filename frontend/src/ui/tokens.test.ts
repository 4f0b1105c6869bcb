import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");

/** Reads the custom properties of one theme's block. */
function theme(name: "dark" | "light"): Map<string, string> {
	const block = css.split(`:root[data-theme="${name}"] {`)[1]?.split("}")[0] ?? "";
	return new Map(
		[...block.matchAll(/--([a-z0-9-]+):\s*(#[0-9a-f]{6});/g)].map((m) => [m[1] ?? "", m[2] ?? ""]),
	);
}

/** WCAG 2.2 relative luminance. */
function luminance(hex: string): number {
	const channel = (at: number) => {
		const c = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
		return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	};
	return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(a: string, b: string): number {
	const [lo, hi] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
	return (hi + 0.05) / (lo + 0.05);
}

const TEXT = 4.5;
const SHAPE = 3;
const grounds = ["bg", "surface", "raised", "hover"];
const pairs: [string, string, number][] = [
	...["text", "text-2", "text-3"].flatMap((ink) =>
		grounds.map((g): [string, string, number] => [ink, g, TEXT]),
	),
	...grounds.map((g): [string, string, number] => ["control-line", g, SHAPE]),
	...["accent", "needs-you", "failed", "done", "unknown", "draft", "past"].flatMap((ink) =>
		["bg", "surface"].map((g): [string, string, number] => [ink, g, TEXT]),
	),
	["on-accent", "accent", TEXT],
	["text", "selected", TEXT],
	["text-2", "selected", TEXT],
	["text-3", "selected", TEXT],
	["text", "text-selection", TEXT],
	["needs-you", "needs-you-ground", TEXT],
	["failed", "failed-ground", TEXT],
	["done", "done-ground", TEXT],
	["past", "past-ground", TEXT],
	["text", "needs-you-ground", TEXT],
	["text", "failed-ground", TEXT],
	// 0 is a terminal's black: on the dark ground it is exempt.
	...Array.from({ length: 15 }, (_, i): [string, string, number] => [`ansi-${i + 1}`, "term-ground", TEXT]),
];

describe.each(["dark", "light"] as const)("%s", (name) => {
	const tokens = theme(name);
	test.each(pairs)("%s on %s is at least %d", (ink, ground, least) => {
		const [a, b] = [tokens.get(ink), tokens.get(ground)];
		expect(a, ink).toBeDefined();
		expect(b, ground).toBeDefined();
		expect(contrast(a ?? "", b ?? "")).toBeGreaterThanOrEqual(least);
	});
	test("both themes name the same tokens", () => {
		expect([...tokens.keys()].sort()).toEqual([...theme(name === "dark" ? "light" : "dark").keys()].sort());
		expect(tokens.size).toBeGreaterThan(35);
	});
});

test("a pair that is too weak is seen", () => {
	expect(contrast("#777777", "#888888")).toBeLessThan(SHAPE);
	expect(contrast("#000000", "#ffffff")).toBeCloseTo(21, 5);
});
